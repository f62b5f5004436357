"""Logging: structlog, one event a line, JSON (or for reading, on a terminal), without secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from retouch.net import without_queries

_USER = re.compile(r"(\w+://)[^/\s@'\"]*@")


class Redactor:
    """Takes secrets, users and query strings out of every text of an event, at any depth."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(s for s in secrets if s)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {key: self._clean(value) for key, value in event.items()}

    def _clean(self, value: object) -> object:
        if isinstance(value, str):
            return self.clean_text(value)
        if isinstance(value, dict):
            return {key: self._clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean(item) for item in value]
        if isinstance(value, BaseException):
            return self.clean_text(str(value))
        return value

    def clean_text(self, text: str) -> str:
        """Return ``text`` without secrets, URL users and query strings."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, "***")
        if "://" in text:
            text = _USER.sub(r"\1", without_queries(text))
        return text


def configure(secrets: Iterable[str], *, level: int = logging.INFO) -> None:
    """Send structlog's and the standard library's records to stderr in one form.

    ``secrets`` are values that must never appear, whoever logs them.
    """
    terminal = sys.stderr.isatty()
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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
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
