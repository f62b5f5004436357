"""HTTP to hosts that others chose: results, init images, webhooks. No credential is sent with it.

An address is checked when it is used: a name is resolved and checked at the moment of connecting, so a DNS answer that
changes afterwards has no effect; literal addresses and redirects are checked at every hop. Errors are the three kinds
of ``ResultError``, one for each decision.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from retouch.errors import BrokenResultError, GoneError, InputError, ResultError, UnreachableResultError
from retouch.net.addresses import PrivateHosts, check_host, check_url, is_public
from retouch.net.http import Connector, LazySession, network_reason, retry_after_s
from retouch.net.redaction import without_query

Looked = TypeVar("Looked")
Response = aiohttp.ClientResponse  # what Fetcher.get yields: who reads it needs to know no library

MAX_REDIRECTS = 3
READ_TIMEOUT_S = 120.0  # of a whole body, however steadily it trickles
POST_TIMEOUT_S = 20.0
MAX_LARGE = 8  # bodies that are passed on in parts at a time
LOOKUPS = 16  # names that are looked up at a time
MAX_URL = 8192  # characters; presigned links with session tokens have some 2000

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({403, 404, 410})
_PASSING = frozenset({408, 425, 429})
_DRAINED_BYTES = 4096  # of an answer to a POST; more is not worth keeping the connection for
_BUFFER_BYTES = 256 * 1024  # a usual image in one go; the default of 64 KiB pauses the socket in between
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "retouch"}


class Fetcher:
    """Fetches and posts, to public addresses only; one per event loop, many requests at once.

    ``private_hosts`` may be called although they are not public; ``limit`` bounds the open connections.
    Nothing is opened before the first request.
    """

    def __init__(
        self,
        private_hosts: PrivateHosts,
        *,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 30.0,
        limit: int = 512,
    ) -> None:
        self._private_hosts = private_hosts
        self._post_timeout = aiohttp.ClientTimeout(total=POST_TIMEOUT_S, sock_connect=connect_timeout_s)
        self._session = LazySession(
            lambda: Connector(
                resolver=_PublicResolver(private_hosts, connect_timeout_s),
                use_dns_cache=False,  # the checked address must be the connected one
                limit=limit,
            ),
            _HEADERS,
            aiohttp.ClientTimeout(sock_connect=connect_timeout_s, sock_read=read_timeout_s),
            auto_decompress=False,  # lengths and checksums are of what was sent; no bombs
            read_bufsize=_BUFFER_BYTES,
        )
        self.large = asyncio.Semaphore(MAX_LARGE)  # held while a large body is streamed: some 17 MiB each

    @asynccontextmanager
    async def get(self, url: str, headers: Mapping[str, str] = _NO_HEADERS) -> AsyncIterator[Response]:
        """GET ``url`` and yield its 2xx response, body unread; follows up to three redirects.

        Trouble while the body is read inside the block is mapped as well. Raises GoneError,
        BrokenResultError (a refused address among others) and UnreachableResultError.
        """
        target = self._checked(url)
        for _ in range(MAX_REDIRECTS + 1):
            try:
                async with self._session().get(target, headers=headers, allow_redirects=False) as response:
                    if response.status not in _REDIRECTS:
                        _raise_for_status(response, target)
                        yield response
                        return
                    location = response.headers.get("Location", "")
            except aiohttp.ClientError as error:
                raise _trouble(error, target) from None
            target = self._redirected(target, location)
        raise BrokenResultError(f"{without_query(url)} redirects more than {MAX_REDIRECTS} times")

    async def beginning(self, url: str, length: int) -> tuple[bytes, int | None]:
        """The first bytes of a body, at most ``length``, and its whole size if that is told; raises as ``get`` does.

        By a GET of that range: HEAD is refused by many servers and by every link that is signed for GET, and only the
        bytes tell what a picture is. A server that does not know ranges is left after the first bytes.
        """
        async with self.get(url, {"Range": f"bytes=0-{length - 1}"}) as response:
            start = bytearray()
            async for piece in response.content.iter_any():
                start += piece
                if len(start) >= length:
                    break
            told = response.headers.get("Content-Range", "").rpartition("/")[2] if response.status == 206 else ""
            size = int(told) if told.isdecimal() else response.content_length if response.status == 200 else None
            return bytes(start[:length]), size

    async def read(self, url: str, max_bytes: int) -> bytes:
        """GET the whole body of ``url``, of at most ``max_bytes``; raises as ``get`` does."""
        try:
            async with asyncio.timeout(READ_TIMEOUT_S), self.get(url) as response:
                return await read_body(response, max_bytes)
        except TimeoutError:
            raise UnreachableResultError(f"{without_query(url)} took more than {READ_TIMEOUT_S:g} s") from None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, float | None]:
        """POST ``body`` once, following nothing, within 20 s; return the status and Retry-After in seconds.

        Raises UnreachableResultError when no answer came (it may have arrived all the same) and
        BrokenResultError when the address is refused. Errors of the network name the host alone:
        a path may be a secret.
        """
        target = self._checked(url)
        host = target.origin()
        try:
            async with self._session().post(
                target, data=body, headers=headers, allow_redirects=False, timeout=self._post_timeout
            ) as response:
                with suppress(aiohttp.ClientError, TimeoutError):  # the status is the answer
                    await response.content.read(_DRAINED_BYTES)
                return response.status, retry_after_s(response.headers.get("Retry-After"))
        except aiohttp.ClientError as error:
            raise _trouble(error, host) from None
        except TimeoutError:
            raise UnreachableResultError(f"{_shown(host)} took more than {POST_TIMEOUT_S:g} s") from None

    async def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        await self._session.close()

    def _checked(self, url: str) -> URL:
        if len(url) > MAX_URL:
            raise BrokenResultError(f"{without_query(url)!r} has {len(url)} characters; at most {MAX_URL} are taken")
        try:
            # Plain ASCII is sent letter for letter: requoting could break a presigned link's signature.
            target = URL(url, encoded=url.isascii())
            check_url(str(target), self._private_hosts)
            check_host(target.raw_host or "", target.port or 0, self._private_hosts)  # as aiohttp will read it
        except InputError as error:
            raise BrokenResultError(str(error)) from None
        except ValueError:
            raise BrokenResultError(f"{without_query(url)!r} is not a URL") from None
        return target

    def _redirected(self, source: URL, location: str) -> URL:
        try:
            joined = source.join(URL(location, encoded=location.isascii()))
            place = str(joined)  # here yarl looks at the port
        except ValueError:
            joined, place = source, ""
        if joined == source:
            raise BrokenResultError(f"{_shown(source)} redirects to itself or to an invalid URL")
        if source.scheme == "https" and joined.scheme == "http":
            raise BrokenResultError(f"{_shown(source)} redirects from https to http")
        return self._checked(place)


class _PublicResolver(AbstractResolver):
    """Looks a name up and refuses it unless every address is public, or the name is allowed by hand."""

    def __init__(self, private_hosts: PrivateHosts, timeout_s: float) -> None:
        self._private_hosts = private_hosts
        self._timeout_s = timeout_s
        self._lookups = _Lookups()
        self._resolver = aiohttp.ThreadedResolver(self._lookups)  # type: ignore[arg-type] # two methods are all it uses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            async with asyncio.timeout(self._timeout_s):  # aiohttp's connect timeout begins after this
                found = await self._resolver.resolve(host, port, family)
        except UnicodeError:
            raise BrokenResultError(f"{host[:80]!r} is not a host name") from None
        if not self._private_hosts.allows(host, port) and not all(is_public(entry["host"]) for entry in found):
            raise BrokenResultError(
                f"{host[:80]!r} has an address that is not public (list it in RETOUCH_PRIVATE_HOSTS to allow it)"
            )
        return found

    async def close(self) -> None:
        await self._resolver.close()
        self._lookups.close()


class _Lookups:
    """Looks names up as a loop does, but in threads of its own, of which a name that hangs takes no other client's.

    However many ask for a name, one thread looks it up: whoever chooses a name that hangs takes no place of the others.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="lookup")
        self._asked: dict[object, asyncio.Task[list[Any]]] = {}

    async def getaddrinfo(self, host: str, port: int, **options: int) -> list[Any]:
        question = (host, port, *sorted(options.items()))
        asked = self._asked.get(question)
        if asked is None:
            asked = asyncio.create_task(self._run(partial(socket.getaddrinfo, host, port, **options)))
            self._asked[question] = asked
            asked.add_done_callback(partial(self._answered, question))
        return await asyncio.shield(asked)  # whoever stops waiting does not end it for the others

    def _answered(self, question: object, asked: asyncio.Task[list[Any]]) -> None:
        del self._asked[question]
        if not asked.cancelled():
            asked.exception()  # nobody may wait for it any more

    async def getnameinfo(self, address: Any, flags: int) -> tuple[str, str]:
        return await self._run(partial(socket.getnameinfo, address, flags))

    async def _run(self, look_up: Callable[[], Looked]) -> Looked:
        return await asyncio.get_running_loop().run_in_executor(self._threads, look_up)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


async def read_body(response: Response, max_bytes: int) -> bytes:
    """Read a whole body of at most ``max_bytes``; raises BrokenResultError if it is larger."""
    if content_length(response, max_bytes) is not None:
        return await response.read()
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            raise BrokenResultError(f"{_shown(response.url)} is larger than {max_bytes} bytes")
    return bytes(body)


def content_length(response: Response, max_bytes: int) -> int | None:
    """Return the length that the response announces, None if none; raises BrokenResultError if too large.

    A body that falls short of it shows as trouble while reading: aiohttp holds servers to their word.
    """
    length = response.content_length
    if length is not None and length > max_bytes:
        raise BrokenResultError(f"{_shown(response.url)} has {length} bytes, more than {max_bytes}")
    return length


def _raise_for_status(response: Response, target: URL) -> None:
    status = response.status
    if 200 <= status < 300:
        return
    sentence = f"{_shown(target)} answers {status}"
    if status in _GONE:
        raise GoneError(sentence)
    if status >= 500 or status in _PASSING:
        raise UnreachableResultError(sentence)
    raise BrokenResultError(sentence)


def _trouble(error: aiohttp.ClientError, target: URL) -> ResultError:
    if isinstance(error, aiohttp.InvalidURL):
        return BrokenResultError(f"{_shown(target)} is not a URL that can be called")
    if isinstance(error, aiohttp.ClientResponseError):  # permanent; a cut connection is not one of these
        return BrokenResultError(f"{_shown(target)} cannot be read: {network_reason(error)}")
    return UnreachableResultError(f"{_shown(target)} cannot be read: {network_reason(error)}")


def _shown(target: URL) -> str:
    return without_query(str(target))
