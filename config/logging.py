"""Logging: structlog, one event a line, JSON (or for reading, on a terminal), without secrets."""

from __future__ import annotations

import atexit
import logging
import re
import sys
from collections.abc import Iterable, Mapping, Set
from types import NoneType

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from config.log_stream import LogStream
from retouch.net.redaction import spellings, without_queries

_USER = re.compile(r"(?<=://)[^/\s'\"]*@")
STDERR = 2  # its file descriptor
_PLAIN = (int, float, NoneType)  # bool is an int
_FLAT = (str, *_PLAIN)
_streams: list[LogStream] = []


class Redactor:
    """Takes secrets, users and query strings out of everything in an event, names included, at any depth.

    What JSON has no type for becomes text here already, so that its ``repr`` is cleaned as well.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if secret for form in spellings(secret)}
        self._secrets = sorted(forms, key=len, reverse=True)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Return the event without secrets."""
        if self._is_clean(event):
            return event
        return {self._clean_name(name): self._clean(value) for name, value in event.items()}

    def _is_clean(self, event: EventDict) -> bool:
        """Whether there is nothing to take out, as in nearly every line: one look at all of it is half the cost."""
        texts: list[str] = []
        for name, value in event.items():
            if not isinstance(name, str) or not isinstance(value, _FLAT):
                return False
            texts += (name, value) if isinstance(value, str) else (name,)
        text = "\0".join(texts)
        return "://" not in text and not any(secret in text for secret in self._secrets)

    def _clean(self, value: object) -> object:
        if isinstance(value, str):
            return self.clean_text(value)
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, Mapping):
            return {self._clean_name(name): self._clean(item) for name, item in value.items()}
        if isinstance(value, list | tuple | Set):
            return [self._clean(item) for item in value]
        if isinstance(value, bytes | bytearray | memoryview):
            return self.clean_text(bytes(value).decode(errors="backslashreplace"))
        return self.clean_text(str(value) if isinstance(value, BaseException) else repr(value))

    def _clean_name(self, name: object) -> str:
        return self.clean_text(name if isinstance(name, str) else str(self._clean(name)))

    def clean_text(self, text: str) -> str:
        """Return ``text`` without secrets, URL users and query strings."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, "***")
        if "://" in text:
            text = _USER.sub("", without_queries(text))
        return text


def configure(secrets: Iterable[str], *, level: int = logging.INFO) -> None:
    """Send structlog's and the standard library's records to stderr in one form.

    ``secrets`` are values that must never appear, whoever logs them.
    """
    terminal = sys.stderr.isatty()
    # A file object of its own: a stalled write holds its lock, which Python and whoever else prints would wait for.
    target = open(STDERR, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115 - for good
    sys.stderr = stream = LogStream(target)
    _streams[:] = [stream]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        Redactor(secrets),
    ]
    render: Processor = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),  # type: ignore[arg-type] # asks for a TextIO by name
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Libraries that log URLs and headers, or each message: only their warnings.
    for name in (
        "urllib3",
        "botocore",
        "boto3",
        "aiohttp",
        "asyncio",
        "celery.worker.strategy",
        "celery.app.trace",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)


@atexit.register
def drain() -> None:
    """Wait until the log is written, a second at most; for whoever ends the process in another way than Python's."""
    for stream in _streams:
        stream.drain()
