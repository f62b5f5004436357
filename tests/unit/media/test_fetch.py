"""Fetching and posting: what arrives, and what each kind of trouble becomes."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
from aiohttp import web

from retouch.errors import BrokenResultError, GoneError, UnreachableResultError
from retouch.media import fetch
from retouch.media.fetch import Fetcher
from retouch.net.addresses import PrivateHosts
from retouch.net.http import network_reason, retry_after_s
from tests.unit.media.fetch_host import LIMIT, Handler, Host

pytestmark = pytest.mark.anyio


async def test_a_link_is_fetched_letter_for_letter_and_with_nothing_attached(host: Host, fetcher: Fetcher) -> None:
    """A presigned link arrives unchanged; no cookie, no credential, no compression goes along."""
    host.handler = host.says(body=b"image", Set_Cookie="session=1")
    for _ in range(2):
        assert await fetcher.read(host.url("/a%20b/%7Ec+d.png?X-Sig=a%2Fb%3D&x=%41"), LIMIT) == b"image"
    assert host.asked[-1].raw_path == "/a%20b/%7Ec+d.png?X-Sig=a%2Fb%3D&x=%41"
    assert set(host.asked[-1].headers) == {"Host", "Accept", "Accept-Encoding", "User-Agent"}
    assert host.asked[-1].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, GoneError), (404, GoneError), (410, GoneError)]
    + [(status, BrokenResultError) for status in (304, 400, 401, 405, 418, 451)]
    + [(status, UnreachableResultError) for status in (408, 425, 429, 500, 502, 503, 504)],
)
async def test_each_status_is_one_decision(host: Host, fetcher: Fetcher, status: int, kind: type[Exception]) -> None:
    """Gone: ask for a fresh link. Broken: no use as it is. Unreachable: come back later."""
    host.handler = host.says(status)
    with pytest.raises(kind, match=str(status)) as caught:
        await fetcher.read(host.url(), LIMIT)
    assert "secret" not in str(caught.value)


async def test_no_answer_is_unreachable(host: Host) -> None:
    """A host that takes the request and says nothing is given up after the read timeout."""
    asked, gone = asyncio.Event(), asyncio.Event()

    async def handler(_request: web.Request) -> web.StreamResponse:
        asked.set()
        await gone.wait()
        return web.Response()

    host.handler = handler
    fetcher = Fetcher(PrivateHosts(["127.0.0.1"]), read_timeout_s=2)
    with pytest.raises(UnreachableResultError, match="took too long") as caught:
        await fetcher.read(host.url(), LIMIT)
    assert asked.is_set()
    assert "secret" not in str(caught.value)
    gone.set()
    await fetcher.close()


async def test_a_refused_connection_is_unreachable() -> None:
    """A port where nothing listens may listen later."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        fetcher = Fetcher(PrivateHosts(["127.0.0.1"]))
        with pytest.raises(UnreachableResultError):
            await fetcher.read(f"http://127.0.0.1:{taken.getsockname()[1]}/", LIMIT)
        await fetcher.close()


def cut(body: bytes, **headers: str) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={k.replace("_", "-"): v for k, v in headers.items()})
        await response.prepare(request)
        await response.write(body)
        assert request.transport
        request.transport.close()
        return response

    return handler


@pytest.mark.parametrize("headers", [{"Content_Length": "100"}, {"Transfer_Encoding": "chunked"}])
async def test_a_connection_cut_in_the_body_is_unreachable(
    host: Host, fetcher: Fetcher, headers: dict[str, str]
) -> None:
    """Half a body is fetched again, whether its length was announced or not."""
    host.handler = cut(b"half", **headers)
    with pytest.raises(UnreachableResultError, match="cut"):
        await fetcher.read(host.url(), LIMIT)


async def test_trouble_in_the_callers_block_is_mapped(host: Host, fetcher: Fetcher) -> None:
    """Who streams the body sees the same errors as who reads it whole."""
    host.handler = cut(b"half", Content_Length="100")

    async def streamed() -> None:
        async with fetcher.get(host.url()) as response:
            assert response.status == 200
            await response.read()

    with pytest.raises(UnreachableResultError, match="cut"):
        await streamed()


async def test_the_callers_own_errors_come_through(host: Host, fetcher: Fetcher) -> None:
    """What the block raises for its own reasons is left alone."""
    with pytest.raises(KeyError):
        async with fetcher.get(host.url()):
            raise KeyError


async def test_a_post_returns_status_and_patience(host: Host, fetcher: Fetcher) -> None:
    """The body and headers arrive; the answer's status and Retry-After come back, whatever else it says."""
    host.handler = host.says(503, body=bytes(100_000), Retry_After="7")
    assert await fetcher.post(host.url(), b"{}", {"webhook-id": "evt_1"}) == (503, 7.0)
    assert host.asked[0].method == "POST"
    assert host.asked[0].headers["webhook-id"] == "evt_1"


async def test_a_post_follows_no_redirect(host: Host, other: Host, fetcher: Fetcher) -> None:
    """A webhook's redirect is an answer like another: what is signed for one host goes to no other."""
    host.handler = host.says(307, Location=other.url())
    assert await fetcher.post(host.url(), b"{}", {}) == (307, None)
    assert other.asked == []


async def test_a_post_that_is_cut_is_unreachable(host: Host, fetcher: Fetcher) -> None:
    """A receiver that drops the connection is tried again later, and was asked exactly once; its path is not shown."""

    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.abort()
        return web.Response()

    host.handler = handler
    with pytest.raises(UnreachableResultError, match=f":{host.server.port} cannot be read") as cut:
        await fetcher.post(host.url(), b"{}", {})
    assert "a.png" not in str(cut.value)
    assert len(host.asked) == 1


async def test_a_post_without_an_answer_ends(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that never answers holds a delivery for the time limit only."""
    gone = asyncio.Event()

    async def handler(_request: web.Request) -> web.StreamResponse:
        await gone.wait()
        return web.Response()

    host.handler = handler
    monkeypatch.setattr(fetch, "POST_TIMEOUT_S", 0.05)
    fetcher = Fetcher(PrivateHosts(["127.0.0.1"]))
    with pytest.raises(UnreachableResultError):
        await fetcher.post(host.url(), b"{}", {})
    gone.set()
    await fetcher.close()


async def test_it_can_be_closed_twice_and_opened_again(host: Host, fetcher: Fetcher) -> None:
    """Closing is harmless, and a later request works."""
    await fetcher.close()
    await fetcher.close()
    assert await fetcher.read(host.url(), LIMIT) == b"image"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        ("7", 7.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("99999999", 3600.0),
        ("9" * 5000, 3600.0),
        ("inf", 3600.0),
        ("nan", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 +99999999999999999999", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 3600.0),
        ("Wed, 99 Oct 2099 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_read_within_bounds(value: str | None, seconds: float | None) -> None:
    """Seconds and dates are understood; nonsense is None; nothing is negative or longer than an hour."""
    assert retry_after_s(value) == seconds


def test_retry_after_as_a_date_is_counted_from_now() -> None:
    """A date two minutes ahead is about two minutes of patience."""
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=2), usegmt=True)
    seconds = retry_after_s(date)
    assert seconds is not None
    assert 0 < seconds <= 120


def test_the_reason_never_quotes_the_url() -> None:
    """aiohttp's timeouts name the URL with its query; our words do not."""
    assert network_reason(aiohttp.ConnectionTimeoutError("Connection timeout to host http://h/?secret")) == (
        "it took too long"
    )
