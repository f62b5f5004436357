"""What is sent to the API and to nobody else, and whether a request that failed was sent at all."""

from __future__ import annotations

import asyncio
import json
import socket
import traceback
from contextlib import suppress

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from retouch.errors import (
    AmbiguousError,
    HeldBackError,
    InputError,
    NotSentError,
    RefusedError,
    UnavailableError,
)
from retouch.provider.answers import Answer, Status
from retouch.provider.client import Img2ImgApi
from tests.unit.provider.api_provider import EDIT, KEY, Provider

pytestmark = pytest.mark.anyio


async def test_a_submit_is_one_post_with_key_and_idempotency_key(provider: Provider, api: Img2ImgApi) -> None:
    """The edit travels as JSON under the contract's headers, and PENDING comes back as running."""
    provider.says({"status": "PENDING", "id": "job-1"}, status=202)
    assert await api.submit(EDIT, "edit-1") == Answer(Status.RUNNING, "job-1", (), None, code=202)
    [request] = provider.asked
    assert (request.method, request.path) == ("POST", "/v1")
    assert request.headers["API-Key"] == KEY
    assert request.headers["Idempotency-Key"] == "edit-1"
    assert json.loads(provider.bodies[0]) == EDIT


async def test_a_submit_may_be_held_back_in_the_last_moment(provider: Provider, api: Img2ImgApi) -> None:
    """It is asked when the connection is there; a no leaves the API without a request that it could take."""
    provider.says({"status": "PENDING", "id": "job-1"})
    open_connections: list[int] = []

    def no() -> bool:
        open_connections.append(len(api._session().connector._acquired))  # type: ignore[union-attr]
        return False

    with pytest.raises(HeldBackError):
        await api.submit(EDIT, "edit-1", no)
    assert open_connections == [1]
    await api.submit(EDIT, "edit-2", lambda: True)
    assert [request.headers["Idempotency-Key"] for request in provider.asked] == ["edit-2"]


async def test_a_status_request_may_be_held_back_in_the_last_moment(provider: Provider, api: Img2ImgApi) -> None:
    """As a submit: when its connection is there, nothing of it was written; and each request asks for itself."""
    provider.says({"status": "PENDING", "id": "1"})
    open_connections: list[int] = []

    def no() -> bool:
        open_connections.append(len(api._session().connector._acquired))  # type: ignore[union-attr]
        return False

    with pytest.raises(HeldBackError):
        await api.status("1", no)
    assert open_connections == [1]
    assert provider.asked == []
    outcomes = await asyncio.gather(api.status("2"), api.status("3", no), api.status("4"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Answer, HeldBackError, Answer]
    assert sorted(request.path for request in provider.asked) == ["/v1/status/2", "/v1/status/4"]


async def test_what_is_held_back_leaves_the_pool_whole(provider: Provider) -> None:
    """Its connection is closed, and the next request has a place."""
    provider.says({"status": "PENDING", "id": "1"})
    api = Img2ImgApi(provider.url, KEY, limit=1)
    for _ in range(3):
        with pytest.raises(HeldBackError):
            await api.status("1", lambda: False)
        with pytest.raises(HeldBackError):
            await api.submit(EDIT, "k", lambda: False)
    assert (await api.status("1")).status is Status.RUNNING
    await api.close()


async def test_redirects_are_not_followed(provider: Provider, api: Img2ImgApi) -> None:
    """The key goes to the configured host alone; the message says where it was sent to, without the query."""
    async with TestServer(web.Application()) as elsewhere:
        provider.says(b"", status=308, Location=str(elsewhere.make_url("/v2?token=1")))
        with pytest.raises(RefusedError, match="/v2: check RETOUCH_API_URL") as caught:
            await api.submit(EDIT, "k")
    assert "token" not in str(caught.value)


@pytest.mark.parametrize("fault", ["drop", "cut", "hang"])
async def test_a_request_sent_and_not_answered_is_ambiguous(provider: Provider, fault: str) -> None:
    """Dropped, cut in the answer, or silent: perhaps taken, and sent exactly once."""
    provider.fault = fault
    api = Img2ImgApi(provider.url, KEY, connect_timeout_s=1, timeout_s=0.2)
    with pytest.raises(AmbiguousError) as caught:
        await api.submit(EDIT, "k")
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert len(provider.asked) == 1
    with pytest.raises(UnavailableError):
        await api.status("1")
    await api.close()


async def test_a_connection_that_dies_in_the_pool_never_sends_a_post_twice(provider: Provider, api: Img2ImgApi) -> None:
    """When a kept connection is dropped under a POST, the POST is not repeated behind our back."""
    provider.says({"status": "PENDING", "id": "1"})
    await api.submit(EDIT, "k1")
    provider.fault = "drop"
    with pytest.raises(AmbiguousError):
        await api.submit(EDIT, "k2")
    assert [request.headers["Idempotency-Key"] for request in provider.asked] == ["k1", "k2"]


async def test_a_refused_connection_was_not_sent() -> None:
    """Where nothing listens, nothing was taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        api = Img2ImgApi(f"http://127.0.0.1:{taken.getsockname()[1]}", KEY)
        with pytest.raises(NotSentError):
            await api.submit(EDIT, "k")
        with pytest.raises(NotSentError):
            await api.status("1")
        await api.close()


async def test_a_name_that_does_not_resolve_was_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an address there was no connection."""

    async def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    api = Img2ImgApi("http://api.example/v1", KEY)
    with pytest.raises(NotSentError, match="Name or service not known"):
        await api.submit(EDIT, "k")
    await api.close()


async def test_a_connection_that_never_opens_was_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Running out of time before the connection stands is not ambiguous."""

    async def resolve(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    api = Img2ImgApi("http://api.example/v1", KEY, connect_timeout_s=0.02)
    with pytest.raises(NotSentError, match="took too long"):
        await api.submit(EDIT, "k")
    await api.close()


async def test_a_full_pool_was_not_sent(provider: Provider) -> None:
    """Waiting in vain for a free connection is not ambiguous either."""
    provider.fault = "hang"
    api = Img2ImgApi(provider.url, KEY, connect_timeout_s=1, timeout_s=30, limit=1)
    first = asyncio.create_task(api.submit(EDIT, "k1"))
    await provider.arrived.wait()  # it holds the only connection
    with pytest.raises(NotSentError, match="took too long"):
        await api.submit(EDIT, "k2")
    assert len(provider.asked) == 1
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await api.close()


async def test_a_failed_tls_handshake_was_not_sent() -> None:
    """A server that speaks no TLS got nothing that it could take."""

    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    api = Img2ImgApi(f"https://127.0.0.1:{port}", KEY)
    with pytest.raises(NotSentError):
        await api.submit(EDIT, "k")
    await api.close()
    server.close()


async def test_interim_answers_without_end_are_no_answer() -> None:
    """An API (or a gateway) that sends 1xx for ever is hung up on at once, and may have taken the edit."""

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            while True:
                writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    api = Img2ImgApi(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", KEY)
    with pytest.raises(AmbiguousError, match="not HTTP"):
        await api.submit(EDIT, "k")
    with pytest.raises(UnavailableError, match="not HTTP"):
        await api.status("1")
    await api.close()
    server.close()


def test_the_key_is_never_shown() -> None:
    """Neither repr nor str of the client shows its key."""
    api = Img2ImgApi("https://api.example/v1/", KEY)
    assert repr(api) == str(api) == "Img2ImgApi('https://api.example/v1')"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example",
        "ftp://api.example",
        "https://",
        "https://k:s@api.example",
        "https://a.example?key=s3cret",
        "http://[",
    ],
)
def test_a_url_that_cannot_be_the_apis_is_refused(url: str) -> None:
    """The mistake is named when the client is made, without what may be secret."""
    with pytest.raises(InputError) as caught:
        Img2ImgApi(url, KEY)
    assert "s3cret" not in str(caught.value)
    assert "k:s" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "a b", "key\n", "schlüssel"])
def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    """A key with a line break at its end is the usual mistake; it is named and not shown."""
    with pytest.raises(InputError) as caught:
        Img2ImgApi("https://api.example", key)
    assert not key or key not in str(caught.value)
