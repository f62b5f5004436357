"""The beginning of a picture is asked for, and no more."""

from __future__ import annotations

import pytest
from aiohttp import web

from retouch.errors import BrokenResultError, GoneError
from retouch.media.fetch import Fetcher
from tests.unit.media.fetch_host import Host

pytestmark = pytest.mark.anyio
BODY = bytes(range(256)) * 40


@pytest.mark.parametrize(
    ("status", "headers", "sent", "size"),
    [
        (206, {"Content_Range": "bytes 0-9/10240"}, BODY[:10], 10240),
        (206, {"Content_Range": "bytes 0-9/*"}, BODY[:10], None),
        (200, {}, BODY, len(BODY)),
        (200, {}, b"short", 5),
    ],
)
async def test_the_first_bytes_and_the_size_are_told(
    host: Host, fetcher: Fetcher, status: int, headers: dict[str, str], sent: bytes, size: int | None
) -> None:
    """Also by a server that does not know ranges."""
    host.handler = host.says(status, sent, **headers)
    assert await fetcher.beginning(host.url(), 10) == (sent[:10], size)
    assert (host.asked[0].method, host.asked[0].headers["Range"]) == ("GET", "bytes=0-9")


async def test_an_endless_body_is_left_after_the_first_bytes(host: Host, fetcher: Fetcher) -> None:
    """Nothing waits for its end."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(BODY)

    host.handler = endless
    assert await fetcher.beginning(host.url(), 10) == (BODY[:10], None)


async def test_what_cannot_be_had_is_told_as_for_a_whole_picture(host: Host, fetcher: Fetcher) -> None:
    """Gone, or a private address."""
    host.handler = host.says(404)
    with pytest.raises(GoneError, match="answers 404"):
        await fetcher.beginning(host.url(), 10)
    with pytest.raises(BrokenResultError, match="not a public address"):
        await fetcher.beginning("http://10.0.0.1/a.png", 10)
