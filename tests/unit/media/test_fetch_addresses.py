"""Which addresses are fetched from, whatever a name or a redirect says."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from retouch.errors import BrokenResultError, UnreachableResultError
from retouch.media import fetch
from retouch.media.fetch import Fetcher
from retouch.net.addresses import PrivateHosts
from tests.unit.media.fetch_host import LIMIT, Host

pytestmark = pytest.mark.anyio


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
    port = host.server.port
    assert port is not None
    fetcher = Fetcher(PrivateHosts([f"minio.example:{port}"]))
    assert await fetcher.read(f"http://minio.example:{port}/", LIMIT) == b"image"
    for place in (f"evil.example:{port}", f"minio.example:{port + 1}"):
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
