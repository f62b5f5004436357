"""What all HTTP clients share: connections that no server can block, and errors as text without secrets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

MAX_RETRY_AFTER_S = 3600.0  # unless the caller says otherwise

# Below the 5 s after which common servers (uvicorn) close: a request on a connection that is being closed fails.
KEEPALIVE_S = 4.0

MAX_INTERIM = 16  # 1xx answers before the one that counts


class Connector(aiohttp.TCPConnector):
    """Connections that are closed after too many interim (1xx) answers.

    aiohttp alone reads them without end: one such server blocked the event loop for two seconds at a time, half a
    lease, and used 140 MB.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(keepalive_timeout=KEEPALIVE_S, **options)
        protocol: type[ResponseHandler] = _Protocol
        self._factory = partial(protocol, loop=self._loop)


class LazySession:
    """A session of aiohttp that opens at its first use, and again after ``close``; one per event loop.

    It brings nothing from elsewhere into a request: no cookie of an earlier answer, no proxy or ``~/.netrc`` of the
    machine. ``options`` are those of ``aiohttp.ClientSession``.
    """

    def __init__(
        self,
        connector: Callable[[], Connector],
        headers: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,
        **options: Any,
    ) -> None:
        self.headers = dict(headers)
        self._connector = connector
        self._options = {"timeout": timeout, **options}
        self._opened: aiohttp.ClientSession | None = None

    def __call__(self) -> aiohttp.ClientSession:
        """The open session."""
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=self._connector(),
                headers=self.headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                **self._options,
            )
        return self._opened

    async def close(self) -> None:
        """Close all connections."""
        session, self._opened = self._opened, None
        if session is not None:
            await session.close()


class _Protocol(ResponseHandler):
    _interim = 0

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Handle one parsed response; aiohttp calls this once for each, interim (1xx) or final."""
        self._interim = self._interim + 1 if data[0].code < 200 else 0
        if self._interim <= MAX_INTERIM:
            super().feed_data(data, size)
        elif not self.is_eof() and self.transport:
            self.transport.close()
            self.set_exception(HttpProcessingError(message="too many interim answers"))


def retry_after_s(value: str | None, at_most_s: float = MAX_RETRY_AFTER_S) -> float | None:
    """Read a Retry-After header, seconds or an HTTP date, as 0 to ``at_most_s`` seconds from now, else None."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, OverflowError):  # the latter: a time zone of twenty digits
            return None
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return None if math.isnan(seconds) else min(max(seconds, 0.0), at_most_s)


def network_reason(error: Exception) -> str:
    """Return the kind of error, without aiohttp's own text, which may quote a URL's query."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError):
        return "the connection was cut"
    if isinstance(error, aiohttp.ClientResponseError):
        return "its answer is not HTTP"
    return getattr(error, "strerror", None) or type(error).__name__
