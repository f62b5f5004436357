"""Fetching from hosts that others chose: only public addresses, every hop, and one error per decision."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from retouch import fetch
from retouch.errors import BrokenResultError, GoneError, UnreachableResultError
from retouch.fetch import Fetcher, network_reason, retry_after_s
from retouch.net import PrivateHosts

pytestmark = pytest.mark.anyio

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LIMIT = 1000


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}  # as in a worker


class Host:
    """A server on loopback whose one handler is set by the test; it keeps what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.handler: Handler = self.says(body=b"image")
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.server = TestServer(app)

    def says(self, status: int = 200, body: bytes = b"", **headers: str) -> Handler:
        async def handler(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

        return handler

    def url(self, path: str = "/a.png?secret=1") -> str:
        return str(self.server.make_url("/")).rstrip("/") + path

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self.handler(request)


@asynccontextmanager
async def running() -> AsyncIterator[Host]:
    host = Host()
    await host.server.start_server()
    yield host
    await host.server.close()


@pytest.fixture
async def host(anyio_backend: object) -> AsyncIterator[Host]:
    async with running() as one:
        yield one


@pytest.fixture
async def other(anyio_backend: object) -> AsyncIterator[Host]:
    async with running() as one:
        yield one


@pytest.fixture
async def fetcher(host: Host) -> AsyncIterator[Fetcher]:
    """A fetcher that may call ``host`` and no other private address."""
    one = Fetcher(PrivateHosts([f"127.0.0.1:{host.server.port}"]), read_timeout_s=5)
    yield one
    await one.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[list[str]]]]:
    """What names resolve to: a list of addresses for each lookup in turn, the last one for ever."""
    table: dict[str, list[list[str]]] = {}

    async def resolve(_self: object, host: str, port: int = 0, family: int = socket.AF_INET) -> list[dict[str, object]]:
        answers = table[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            {"hostname": host, "host": address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for address in addresses
        ]

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    return table


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


async def test_redirects_are_followed_to_allowed_places(host: Host, fetcher: Fetcher) -> None:
    """Three redirects, relative or absolute, lead to the image."""

    async def handler(request: web.Request) -> web.StreamResponse:
        step = int(request.match_info["path"])
        if step == 3:
            return web.Response(body=b"image")
        return web.Response(status=(301, 302, 307)[step], headers={"Location": [host.url("/1"), "/2?x=1", "3"][step]})

    host.handler = handler
    assert await fetcher.read(host.url("/0"), LIMIT) == b"image"


async def test_a_fourth_redirect_is_not_followed(host: Host, fetcher: Fetcher) -> None:
    """A host that redirects for ever is given up."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": request.path + "x"})

    host.handler = handler
    with pytest.raises(BrokenResultError, match="more than 3 times"):
        await fetcher.read(host.url("/"), LIMIT)
    assert len(host.asked) == 4


async def test_a_redirect_to_a_private_address_is_never_asked(host: Host, other: Host, fetcher: Fetcher) -> None:
    """A public host cannot lead us to a private one."""
    for location in (
        other.url(),
        other.url().replace("127.0.0.1", "localhost"),
        "http://0x7f.1:1/",
        "file:///etc/passwd",
    ):
        host.handler = host.says(302, Location=location)
        with pytest.raises(BrokenResultError) as caught:
            await fetcher.read(host.url(), LIMIT)
        assert "secret" not in str(caught.value)
    assert other.asked == []


@pytest.mark.parametrize("location", ["", "http://[", "//", "https://h:99999/", "http://127.1:99999", "?secret=1"])
async def test_a_redirect_to_nowhere_is_broken(host: Host, fetcher: Fetcher, location: str) -> None:
    """A redirect without a usable place, or to the place itself, is no result."""
    host.handler = host.says(302, Location=location)
    with pytest.raises(BrokenResultError):
        await fetcher.read(host.url(), LIMIT)


def test_a_redirect_never_gives_up_encryption() -> None:
    """https is not left for http, whatever the host."""
    with pytest.raises(BrokenResultError, match="from https to http"):
        Fetcher(PrivateHosts())._redirected(URL("https://example.com/a"), "http://example.com/a")


@pytest.mark.parametrize(
    "place", ["127.0.0.1", "[::1]", "127.1", "0x7f000001", "2130706433", "127。0。0。1", "localhost"]
)
async def test_private_addresses_are_refused_in_every_notation(other: Host, place: str) -> None:
    """Literal addresses never reach a resolver, and are refused all the same."""
    fetcher = Fetcher(PrivateHosts())
    with pytest.raises(BrokenResultError):
        await fetcher.read(f"http://{place}:{other.server.port}/a.png", LIMIT)
    with pytest.raises(BrokenResultError):
        await fetcher.post(f"http://{place}:{other.server.port}/hook", b"", {})
    await fetcher.close()
    assert other.asked == []


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["169.254.169.254"], ["::1"]])
async def test_a_public_name_with_a_private_address_is_refused(
    host: Host, fetcher: Fetcher, names: dict[str, list[list[str]]], addresses: list[str]
) -> None:
    """One private address among those of a name is enough to refuse it."""
    names["img.example"] = [addresses]
    with pytest.raises(BrokenResultError, match=r"'img.example' has an address that is not public"):
        await fetcher.read(f"http://img.example:{host.server.port}/", LIMIT)
    assert host.asked == []


async def test_a_name_allowed_by_hand_may_be_private_at_its_port_only(
    host: Host, names: dict[str, list[list[str]]]
) -> None:
    """``minio:9000`` opens that port of that name and no other name with the same address."""
    names["minio.example"] = names["evil.example"] = [["127.0.0.1"]]
    fetcher = Fetcher(PrivateHosts([f"minio.example:{host.server.port}"]))
    assert await fetcher.read(f"http://minio.example:{host.server.port}/", LIMIT) == b"image"
    for place in (f"evil.example:{host.server.port}", f"minio.example:{host.server.port + 1}"):
        with pytest.raises(BrokenResultError):
            await fetcher.read(f"http://{place}/", LIMIT)
    await fetcher.close()


async def test_a_name_that_changes_its_address_is_judged_again(
    host: Host, names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding gains nothing: each connection goes to an address that was checked for it."""
    monkeypatch.setattr(fetch, "is_public", lambda address: address == "127.0.0.1")
    names["img.example"] = [["127.0.0.1"], ["127.0.0.2"]]
    host.handler = host.says(body=b"image", Connection="close")
    fetcher = Fetcher(PrivateHosts())
    url = f"http://img.example:{host.server.port}/"
    assert await fetcher.read(url, LIMIT) == b"image"
    with pytest.raises(BrokenResultError, match="not public"):
        await fetcher.read(url, LIMIT)
    await fetcher.close()


async def test_a_name_that_does_not_resolve_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing name may be passing trouble."""

    async def resolve(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    fetcher = Fetcher(PrivateHosts())
    with pytest.raises(UnreachableResultError, match="Name or service not known"):
        await fetcher.read("http://missing.example/", LIMIT)
    await fetcher.close()


async def test_a_name_that_cannot_be_one_is_broken() -> None:
    """A label of 70 letters is refused before anything is asked."""
    fetcher = Fetcher(PrivateHosts())
    with pytest.raises(BrokenResultError):
        await fetcher.read(f"http://{'a' * 70}.example/", LIMIT)
    await fetcher.close()


async def test_a_slow_name_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking a name up counts as connecting and has its bound."""

    async def resolve(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    fetcher = Fetcher(PrivateHosts(), connect_timeout_s=0.02)
    with pytest.raises(UnreachableResultError, match="took too long"):
        await fetcher.read("http://slow.example/?secret=1", LIMIT)
    await fetcher.close()


async def test_no_answer_is_unreachable(host: Host) -> None:
    """A host that takes the request and says nothing is given up after the read timeout."""
    asked, gone = asyncio.Event(), asyncio.Event()

    async def handler(_request: web.Request) -> web.StreamResponse:
        asked.set()
        await gone.wait()
        return web.Response()

    host.handler = handler
    fetcher = Fetcher(PrivateHosts(["127.0.0.1"]), read_timeout_s=0.2)
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
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a.png?secret=1"
    server.close()


ODD = [
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 10000000000\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nimage\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000,
    b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100_000,
]


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
    hints = b"HTTP/1.1 103 Early Hints\r\n\r\n" * fetch.MAX_INTERIM
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
    """A receiver that drops the connection is tried again later, and was asked exactly once."""

    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.abort()
        return web.Response()

    host.handler = handler
    with pytest.raises(UnreachableResultError):
        await fetcher.post(host.url(), b"{}", {})
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
