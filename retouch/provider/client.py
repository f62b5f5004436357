"""The img2img API over HTTP: submit an edit, ask for its status.

Every reply becomes an ``Answer`` or a subclass of ``ApiError``. The class says what may be done next, and whether a
submit may have been accepted and paid for (AmbiguousError) or surely was not. Whose fault a refusal is, the edit's or
everybody's, is not decided here: that takes a look at how the others fare.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, NoReturn
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection
from yarl import URL

from retouch.errors import (
    AmbiguousError,
    HeldBackError,
    InputError,
    NotSentError,
    RefusedError,
    ThrottledError,
    UnavailableError,
)
from retouch.net.http import Connector, LazySession, network_reason, retry_after_s
from retouch.net.redaction import spellings, without_queries, without_query
from retouch.provider.answers import Answer, Status
from retouch.provider.dialects import imagepipeline as dialect
from retouch.provider.error_text import compact, plain, words

MAX_BODY_BYTES = 1024 * 1024
MAX_TEXT = 500  # characters of the API's text that a message may have
MAX_WORD = 40  # characters of a status word that is not known
MAX_READ = 20 * MAX_TEXT  # characters of it that are read

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # answers are short; decompression costs more than the bytes
    "User-Agent": "retouch",
}
MAX_RETRY_AFTER_S = 86_400.0
_GATEWAYS = frozenset({502, 503, 504})  # what a gateway answers when it has no answer
_DEFINITE = frozenset({400, 413, 415, 422})  # about the request itself, where the API says more than a gateway does
_ABOUT_THE_CALLER = frozenset({401, 402, 407})  # the key, the credit, a proxy
_API_FIELDS = ("status", "error", "detail")  # not "message" alone: gateways write that too
_AT_WORK = frozenset({409, 425})  # on a request under a key that was sent before: the first one is still at work
_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")
# Half a surrogate pair is valid JSON but cannot be encoded: to write it would raise.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")


class Img2ImgApi:
    """The API at ``url``, called with ``key``; one per event loop, many requests at once.

    ``timeout_s`` bounds the wait for a reply once connected, ``limit`` the open connections. Redirects are
    never followed, because the key would be sent along. Nothing is sent twice: aiohttp repeats only idempotent
    methods, and POST is not one. Raises InputError if ``url`` or ``key`` cannot be used.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        connect_timeout_s: float = 5.0,
        timeout_s: float = 60.0,
        limit: int = 512,
    ) -> None:
        self._url = _checked_url(url)
        if not _HEADER_VALUE.fullmatch(key):
            raise InputError("the API key is empty or holds characters that an HTTP header cannot carry")
        self._spellings = spellings(key)
        # Waiting for a free connection ends before the total timeout, so that a timeout in the queue means
        # "not sent", never "sent and not answered".
        connect_s = 2 * connect_timeout_s
        # No sock_read: it would restart a timer for each piece that arrives, and the total bounds the reply.
        timeout = aiohttp.ClientTimeout(total=connect_s + timeout_s, connect=connect_s, sock_connect=connect_timeout_s)
        self._session = LazySession(
            lambda: Connector(limit=limit), {"API-Key": key, **_HEADERS}, timeout, request_class=_Request
        )

    def __repr__(self) -> str:
        return f"Img2ImgApi({str(self._url)!r})"

    async def submit(
        self, payload: Mapping[str, Any], idempotency_key: str, may_go: Callable[[], bool] = lambda: True
    ) -> Answer:
        """POST one edit, once.

        ``may_go`` is called when the connection is open, right before the body is written: the wait for the connection
        may have been long, or the process may have been stopped meanwhile. Raises HeldBackError if it returns False.
        Raises NotSentError, ThrottledError, UnavailableError: not accepted, may be sent again.
        Raises RefusedError: not accepted. Raises AmbiguousError: may be accepted and charged.
        """
        body = _Body(json.dumps(payload, allow_nan=False).encode(), may_go)
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
        try:
            async with self._session().post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                if response.status >= 300:
                    await self._raise_for_submit(response)
                answer = self._answer(await _read(response), response.status)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise NotSentError(f"the API was not reached: {network_reason(error)}") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            if body.held_back:
                raise HeldBackError("the request was not sent: the caller stopped it") from None
            raise AmbiguousError(f"the API did not answer: {network_reason(error)}") from None
        except _GarbageError as error:
            raise AmbiguousError(f"the API's answer cannot be read: {error}", code=error.code) from None
        if answer.status is Status.RUNNING and answer.provider_id is None:
            raise AmbiguousError("the API accepted the request but returned no id", code=answer.code)
        return answer

    async def status(self, provider_id: str, may_go: Callable[[], bool] = lambda: True) -> Answer:
        """Ask for the status of the edit that the API calls ``provider_id``; ``may_go`` as for ``submit``.

        Raises ThrottledError, UnavailableError: ask again later. Raises RefusedError, HeldBackError.
        """
        if not dialect.is_id(provider_id):
            raise RefusedError("the id is not one that the API can have assigned")
        reply, code = await self._get(dialect.status_url(str(self._url), provider_id), may_go)
        if not isinstance(reply.get("status"), str):
            raise UnavailableError("the API's answer names no status", code=code)
        return self._answer(reply, code)

    async def nowhere(self, may_go: Callable[[], bool] = lambda: True) -> None:
        """Ask for a path that no API has, to see how a wrong address is answered; raises as ``status`` does."""
        await self._get(f"{self._url}/{uuid4()}/{uuid4()}", may_go)

    async def _get(self, address: str, may_go: Callable[[], bool]) -> tuple[dict[str, Any], int]:
        _may_go.set(may_go)
        url = URL(address, encoded=True)
        try:
            async with self._session().get(url, allow_redirects=False) as response:
                if response.status >= 300:
                    await self._raise_for_status(response)
                return await _read(response), response.status
        except _HeldBack:
            raise HeldBackError("the request was not sent: the caller stopped it") from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSentError(f"the API was not reached: {network_reason(error)}") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnavailableError(f"the API did not answer: {network_reason(error)}") from None
        except _GarbageError as error:
            raise UnavailableError(f"the API's answer cannot be read: {error}", code=error.code) from None

    async def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        await self._session.close()

    async def _raise_for_submit(self, response: aiohttp.ClientResponse) -> NoReturn:
        code, (said, reply, wait_s) = response.status, await self._said(response)
        by_the_api = isinstance(reply, dict) and any(name in reply for name in _API_FIELDS)
        if code == 429:
            raise ThrottledError(said, wait_s, code=code)
        if code == 503:
            raise UnavailableError(said, wait_s, code=code)
        if code >= 500 or code == 408:  # 408: a gateway may have forwarded it before
            answered = by_the_api and code >= 500 and code not in _GATEWAYS
            raise AmbiguousError(said, wait_s, answered=answered, code=code)
        pending = code in _AT_WORK or (code >= 400 and "idempoten" in said.casefold())
        definite = by_the_api and code in _DEFINITE
        caller = code in _ABOUT_THE_CALLER
        raise RefusedError(said, wait_s, definite=definite, pending=pending, caller=caller, code=code)

    async def _raise_for_status(self, response: aiohttp.ClientResponse) -> NoReturn:
        code, (said, reply, wait_s) = response.status, await self._said(response)
        if code == 429:
            raise ThrottledError(said, wait_s, code=code)
        if code >= 500 or code in (408, 425):
            raise UnavailableError(said, wait_s, code=code)
        caller = code in _ABOUT_THE_CALLER
        raise RefusedError(said, wait_s, definite=isinstance(reply, dict), caller=caller, code=code)

    async def _said(self, response: aiohttp.ClientResponse) -> tuple[str, Any, float | None]:
        """Read an error reply: its text, what it is as JSON if it is, and the seconds that it asks to wait."""
        reply: Any = None
        text: Any = None
        try:
            body = await _read_bytes(response)
            text = reply = json.loads(body)
        except (aiohttp.ClientError, TimeoutError, _GarbageError):
            pass
        except (ValueError, RecursionError):
            text = plain(self._hidden(body.decode(errors="replace")))
        said = self._clean(words(text) or compact(text)) or self._redirection(response) or f"HTTP {response.status}"
        wait_s = retry_after_s(response.headers.get("Retry-After"), math.inf)
        if wait_s is None and isinstance(reply, dict) and isinstance(reply.get("retry_after"), int | float | str):
            wait_s = retry_after_s(str(reply["retry_after"]), math.inf)
        if wait_s is not None and wait_s > MAX_RETRY_AFTER_S:
            said, wait_s = f"{said} (it asks to wait for more than a day: a day is waited)", MAX_RETRY_AFTER_S
        return said, reply, wait_s

    def _redirection(self, response: aiohttp.ClientResponse) -> str | None:
        location = response.headers.get("Location")
        if not location:
            return None
        return self._clean(f"it redirects to {without_query(location)}: check RETOUCH_API_URL")

    def _answer(self, reply: dict[str, Any], code: int) -> Answer:
        status = dialect.status(reply)
        error = None
        if status is Status.FAILURE:
            error = self._clean(words(reply)) or "the API gave no reason"
        word = dialect.unknown_word(reply)
        shown = self._clean(word)[:MAX_WORD] if word else None
        seed = dialect.seed(reply) if status is Status.SUCCESS else None
        filtered = dialect.filtered(reply) if status is Status.SUCCESS else ()
        progress = dialect.progress(reply) if status is Status.RUNNING else None
        links = dialect.urls(reply)
        return Answer(status, dialect.provider_id(reply), links, error, shown, seed, filtered, progress, code)

    def _clean(self, text: str) -> str:
        """Make the API's text fit for a message: one short line, without our key if the API echoes it."""
        text = self._hidden(text)[:MAX_READ]  # hidden first: a cut could leave a part of the key
        line = without_queries(" ".join(_CONTROL.sub(" ", text).split()))  # a link may be one that we signed
        return line if len(line) <= MAX_TEXT else f"{line[: MAX_TEXT - 1]}…"

    def _hidden(self, text: str) -> str:
        for form in self._spellings:
            text = text.replace(form, "***")
        return text


class _Body(aiohttp.BytesPayload):
    """A body that asks whether it may be sent before its first byte is; if not, buffered headers are dropped."""

    def __init__(self, value: bytes, may_go: Callable[[], bool]) -> None:
        super().__init__(value, content_type="application/json")
        self._may_go = may_go
        self.held_back = False

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        if not self._may_go():
            self.held_back = True
            raise ConnectionAbortedError("held back")
        await super().write_with_length(writer, content_length)


# What a request without a body asks when its connection is open, right before it is written; set by each call.
_may_go: ContextVar[Callable[[], bool]] = ContextVar("_may_go")


class _HeldBack(aiohttp.ClientError):
    """Raised where a request was not to be sent after all; aiohttp closes its connection."""


class _Request(aiohttp.ClientRequest):
    """A request that, without a body, asks whether it may be sent; one with a body has a ``_Body`` that asks."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        if self.method == "GET" and not _may_go.get()():
            raise _HeldBack("held back")
        return await super().send(conn)


class _GarbageError(Exception):
    """A reply that does not follow the contract; ``code``: its HTTP status."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def _checked_url(url: str) -> URL:
    try:
        parts = urlsplit(url.strip().rstrip("/"))
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        extra = parts.query or parts.fragment or "@" in parts.netloc
        if plain and not extra:
            return URL(parts.geturl())
    except ValueError:
        pass
    raise InputError(f"the API's URL {without_query(url)!r} is not a plain http or https URL")


async def _read_bytes(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _GarbageError(f"it is larger than {MAX_BODY_BYTES} bytes", response.status)
    return bytes(body)


async def _read(response: aiohttp.ClientResponse) -> dict[str, Any]:
    body = await _read_bytes(response)
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError):
        raise _GarbageError("it is not JSON", response.status) from None
    if not isinstance(reply, dict):
        raise _GarbageError("it is not a JSON object", response.status)
    return reply
