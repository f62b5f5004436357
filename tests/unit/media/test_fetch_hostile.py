"""Hosts that answer more, or other, than they should."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from retouch.errors import BrokenResultError
from retouch.media.fetch import Fetcher
from retouch.net import http
from retouch.net.addresses import PrivateHosts
from tests.unit.media.fetch_host import LIMIT, Host

pytestmark = pytest.mark.anyio

ODD = [
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 10000000000\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nimage\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000,
    b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100_000,
]


@asynccontextmanager
async def answering(start: bytes, flood: bytes = b"") -> AsyncIterator[str]:
    """A server that answers any request with ``start`` and then ``flood`` without end; yields its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(start)
            while flood:
                writer.write(flood)
                await writer.drain()
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a.png?secret=1"
    finally:
        server.close()


@pytest.mark.parametrize("start", ODD, ids=range(len(ODD)))
async def test_what_is_not_plain_http_is_broken(start: bytes) -> None:
    """Two lengths, none that is a number, headers without end: refused, not asked for again and again."""
    fetcher = Fetcher(PrivateHosts(["127.0.0.1"]))
    async with answering(start) as url:
        with pytest.raises(BrokenResultError, match="not HTTP") as caught:
            await fetcher.read(url, LIMIT)
        await fetcher.close()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("call", ["get", "post"])
async def test_interim_answers_without_end_are_refused(call: str) -> None:
    """A flood of 1xx, which would hold the event loop and fill the memory, ends the connection."""
    fetcher = Fetcher(PrivateHosts(["127.0.0.1"]))
    async with answering(b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100) as url:
        with pytest.raises(BrokenResultError, match="not HTTP"):
            await (fetcher.read(url, LIMIT) if call == "get" else fetcher.post(url, b"", {}))
        await fetcher.close()


async def test_some_interim_answers_are_borne(host: Host) -> None:
    """Early hints, as real servers send them, come before the image, on every request of a connection."""
    hints = b"HTTP/1.1 103 Early Hints\r\n\r\n" * http.MAX_INTERIM
    fetcher = Fetcher(PrivateHosts(["127.0.0.1"]))
    async with answering(hints + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nimage") as url:
        assert await fetcher.read(url, LIMIT) == b"image"
        await fetcher.close()


async def test_a_url_without_end_is_refused(fetcher: Fetcher) -> None:
    """A link of a megabyte is not a link, and is not quoted whole."""
    with pytest.raises(BrokenResultError, match="at most") as caught:
        await fetcher.read("https://example.com/" + "a" * 1_000_000, LIMIT)
    assert len(str(caught.value)) < 300


async def test_too_large_bodies_are_refused(host: Host, fetcher: Fetcher) -> None:
    """An announced length is believed at once; an unannounced one is counted."""
    host.handler = host.says(body=bytes(LIMIT + 1))
    with pytest.raises(BrokenResultError, match="1001 bytes, more than 1000"):
        await fetcher.read(host.url(), LIMIT)

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(bytes(LIMIT))
        await response.write(bytes(1))
        return response

    host.handler = handler
    with pytest.raises(BrokenResultError, match="larger than 1000 bytes"):
        await fetcher.read(host.url(), LIMIT)
    assert len(await fetcher.read(host.url(), LIMIT + 1)) == LIMIT + 1


async def test_a_compressed_body_is_not_unpacked(host: Host, fetcher: Fetcher) -> None:
    """Nothing is unpacked on the way: a bomb stays as small as it was sent."""
    host.handler = host.says(body=b"\x1f\x8b packed", Content_Encoding="gzip")
    assert await fetcher.read(host.url(), LIMIT) == b"\x1f\x8b packed"
