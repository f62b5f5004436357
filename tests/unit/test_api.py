"""The API's client: each reply and each trouble becomes the one answer or error that says what may be done next."""

from __future__ import annotations

import asyncio
import json
import socket
import traceback
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from retouch.api import MAX_BODY_BYTES, MAX_TEXT, Answer, Img2ImgApi, Status, _words
from retouch.errors import (
    AmbiguousError,
    ApiError,
    HeldBackError,
    InputError,
    NotSentError,
    RefusedError,
    ThrottledError,
    UnavailableError,
    UnknownIdError,
    UnwillingError,
)

pytestmark = pytest.mark.anyio

KEY = "key-c0ffee/+42"
EDIT = {"prompt": "a fox", "strength": 0.5}


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}  # as in a worker


class Provider:
    """The API as the test scripts it; it keeps what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.reply = web.Response
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.server = TestServer(app)
        self.fault = "none"
        self.arrived, self.done = asyncio.Event(), asyncio.Event()

    def says(self, reply: Any, status: int = 200, **headers: str) -> None:
        body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.reply = lambda: web.Response(status=status, body=body, headers=named)

    @property
    def url(self) -> str:
        return str(self.server.make_url("/v1"))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self.bodies.append(await request.read())
        self.arrived.set()
        assert request.transport
        if self.fault == "drop":
            request.transport.abort()
        elif self.fault == "hang":
            await self.done.wait()
        elif self.fault == "cut":
            response = web.StreamResponse(headers={"Content-Length": "100"})
            await response.prepare(request)
            await response.write(b'{"status": "PEND')
            request.transport.close()
            return response
        return self.reply()


@pytest.fixture
async def provider(anyio_backend: object) -> AsyncIterator[Provider]:
    one = Provider()
    await one.server.start_server()
    yield one
    one.done.set()
    await one.server.close()


@pytest.fixture
async def api(provider: Provider) -> AsyncIterator[Img2ImgApi]:
    one = Img2ImgApi(provider.url, KEY)
    yield one
    await one.close()


async def test_a_submit_is_one_post_with_key_and_idempotency_key(provider: Provider, api: Img2ImgApi) -> None:
    """The edit travels as JSON under the contract's headers, and PENDING comes back as running."""
    provider.says({"status": "PENDING", "id": "job-1"}, status=202)
    assert await api.submit(EDIT, "edit-1") == Answer(Status.RUNNING, "job-1", (), None)
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
        open_connections.append(len(api._session.connector._acquired))  # type: ignore[union-attr]
        return False

    with pytest.raises(HeldBackError):
        await api.submit(EDIT, "edit-1", no)
    assert open_connections == [1]
    await api.submit(EDIT, "edit-2", lambda: True)
    assert [request.headers["Idempotency-Key"] for request in provider.asked] == ["edit-2"]


async def test_the_status_is_asked_below_the_url(provider: Provider, api: Img2ImgApi) -> None:
    """``{url}/status/{id}``, with the id quoted so that it cannot leave its place."""
    provider.says({"status": "PENDING"})
    await api.status("a/b?c")
    assert provider.asked[0].raw_path == "/v1/status/a%2Fb%3Fc"
    assert provider.asked[0].headers["API-Key"] == KEY


@pytest.mark.parametrize(
    ("word", "status"),
    [(word, Status.SUCCESS) for word in ("SUCCESS", "completed", "Succeeded")]
    + [(word, Status.FAILURE) for word in ("FAILURE", "failed", "ERROR", "CANCELLED", "canceled", "REVOKED", "EXPIRED")]
    + [(word, Status.RUNNING) for word in ("PENDING", "STARTED", "queued", "", "?")],
)
async def test_status_words_are_read(provider: Provider, api: Img2ImgApi, word: str, status: Status) -> None:
    """The contract's words and their kin; whatever else it says, it is still at work."""
    provider.says({"status": word, "id": "1"})
    assert (await api.status("1")).status is status
    assert (await api.submit(EDIT, "k")).status is status


@pytest.mark.parametrize(
    ("reply", "urls"),
    [
        ({"download_urls": ["u1", "u2"]}, ("u1", "u2")),
        ({"download_urls": ["u1", None, 7, "", "u2", "u3", "u4", "u5"]}, ("u1", "u2", "u3", "u4")),
        ({"download_urls": "u1"}, ("u1",)),
        ({"download_urls": [], "result_url": "u1"}, ("u1",)),
        ({"image_url": "u1"}, ("u1",)),
        ({"output_url": ["u1", "u2"]}, ("u1", "u2")),
        ({"download_urls": {"a": 1}}, ()),
        ({}, ()),
    ],
)
async def test_a_post_may_succeed_at_once(
    provider: Provider, api: Img2ImgApi, reply: dict[str, Any], urls: tuple[str, ...]
) -> None:
    """Links are taken in order from where APIs put them, at most four; success needs no id."""
    provider.says({"status": "SUCCESS"} | reply)
    assert await api.submit(EDIT, "k") == Answer(Status.SUCCESS, None, urls, None)


@pytest.mark.parametrize("reply", [{"id": 42}, {"id": None, "job_id": "42"}, {"id": "", "task_id": "42"}])
async def test_ids_are_found_under_their_names(provider: Provider, api: Img2ImgApi, reply: dict[str, Any]) -> None:
    """id, job_id or task_id; a string or a number."""
    provider.says({"status": "PENDING"} | reply)
    assert (await api.submit(EDIT, "k")).provider_id == "42"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ({"error": "NSFW"}, "NSFW"),
        ({"message": "out of memory"}, "out of memory"),
        ({"detail": [{"loc": ["body", "strength"], "msg": "too large", "type": "x"}]}, "body.strength: too large"),
        ({"error": {"message": "nested"}}, "nested"),
        ({"failure_reason_code": "GPU"}, "GPU"),
        ({"error": None}, "the API gave no reason"),
        ({"error": f"bad\n\x1b[31m key {KEY}\u202e"}, "bad [31m key ***"),
        ({"error": "x" * 2000}, "x" * (MAX_TEXT - 1) + "…"),
        ({"error": "\ud800 half a pair"}, "half a pair"),
    ],
)
async def test_a_failure_carries_the_apis_words(
    provider: Provider, api: Img2ImgApi, reply: dict[str, Any], words: str
) -> None:
    """FAILURE is an answer; its words are one clean line without our key."""
    provider.says({"status": "FAILURE", "id": "1"} | reply)
    assert await api.submit(EDIT, "k") == Answer(Status.FAILURE, "1", (), words)
    assert (await api.status("1")).error == words


@pytest.mark.parametrize(
    ("status", "on_submit", "on_status"),
    [
        (301, RefusedError, UnavailableError),
        (307, RefusedError, UnavailableError),
        (400, RefusedError, RefusedError),
        (401, UnwillingError, UnwillingError),
        (402, UnwillingError, UnwillingError),
        (403, UnwillingError, UnwillingError),
        (404, RefusedError, UnknownIdError),
        (408, AmbiguousError, UnavailableError),
        (410, RefusedError, UnknownIdError),
        (413, RefusedError, RefusedError),
        (422, RefusedError, RefusedError),
        (425, UnavailableError, UnavailableError),
        (429, ThrottledError, ThrottledError),
        (500, AmbiguousError, UnavailableError),
        (502, AmbiguousError, UnavailableError),
        (503, UnavailableError, UnavailableError),
        (504, AmbiguousError, UnavailableError),
        (599, AmbiguousError, UnavailableError),
    ],
)
async def test_each_status_is_one_decision(
    provider: Provider, api: Img2ImgApi, status: int, on_submit: type[ApiError], on_status: type[ApiError]
) -> None:
    """A submit is repeated only where it surely was not taken; a status may always be asked again."""
    provider.says({"status": "FAILURE", "detail": "no"}, status=status)
    with pytest.raises(ApiError, match="no") as caught:
        await api.submit(EDIT, "k")
    assert type(caught.value) is on_submit
    with pytest.raises(ApiError, match="no") as caught:
        await api.status("1")
    assert type(caught.value) is on_status
    assert len(provider.asked) == 2


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "reply", "seconds"),
    [
        ({"Retry_After": "12"}, {}, 12.0),
        ({"Retry_After": "99999"}, {}, 3600.0),
        ({"Retry_After": "-5"}, {}, 0.0),
        ({"Retry_After": "Wed, 21 Oct 2015 07:28:00 GMT"}, {}, 0.0),
        ({}, {"retry_after": 2.5}, 2.5),
        ({}, {"retry_after": "3"}, 3.0),
        ({}, {"retry_after": -1}, 0.0),
        ({}, {"retry_after": [1]}, None),
        ({"Retry_After": "soon"}, {}, None),
        ({}, {}, None),
    ],
)
async def test_the_patience_that_the_api_asks_for(
    provider: Provider,
    api: Img2ImgApi,
    status: int,
    headers: dict[str, str],
    reply: dict[str, Any],
    seconds: float | None,
) -> None:
    """Retry-After from the header or the body, 0 to 3600 seconds."""
    provider.says(reply, status=status, **headers)
    with pytest.raises(ApiError) as caught:
        await api.submit(EDIT, "k")
    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            b'{"detail": [{"loc": ["body", "strength"], "msg": "a"}, {"loc": ["x"], "msg": "b"}]}',
            "body.strength: a; x: b",
        ),
        (b'{"errors": {"prompt": "bad"}}', '{"errors": {"prompt": "bad"}}'),
        (b"<html><head><title>413 Too Large</title></head><body>nginx</body></html>", "413 Too Large"),
        (b"<html><style>p {}</style><body><p>No <b>way</b></p></body></html>", "No way"),
        (b"plain words", "plain words"),
        (b'"a string"', "a string"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", "HTTP 400"),
        (b"{}", "HTTP 400"),
        (b"[" * 100_000, "[" * (MAX_TEXT - 1) + "…"),
        (b"x" * (MAX_BODY_BYTES + 1), "HTTP 400"),
        (f"you sent {KEY}".encode(), "you sent ***"),
        (("x" * (MAX_TEXT - 3) + KEY).encode(), "x" * (MAX_TEXT - 3) + "***"),
        (f"<p>{'x' * 190}{KEY}</p>".encode(), "x" * 190 + "***"),
        (json.dumps({"odd": f"https://h/?{'a' * 980} {KEY}"}).encode(), '{"odd": "https://h/ ***"}'),
        (f"<p>{KEY.replace('/', '%2f')}</p>".encode(), "***"),
        (b'"half a pair: \\ud800"', "half a pair:"),
    ],
)
async def test_a_refusal_carries_the_apis_words(provider: Provider, api: Img2ImgApi, body: bytes, words: str) -> None:
    """Whatever the form of an error's body, what can be read of it is the message; our key is not."""
    provider.says(body, status=400)
    with pytest.raises(RefusedError) as caught:
        await api.submit(EDIT, "k")
    assert str(caught.value) == words


async def test_redirects_are_not_followed(provider: Provider, api: Img2ImgApi) -> None:
    """The key goes to the configured host alone; the message says where it was sent to, without the query."""
    elsewhere = TestServer(web.Application())
    await elsewhere.start_server()
    provider.says(b"", status=308, Location=str(elsewhere.make_url("/v2?token=1")))
    with pytest.raises(RefusedError, match="/v2: is the API's URL the right one") as caught:
        await api.submit(EDIT, "k")
    assert "token" not in str(caught.value)
    await elsewhere.close()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'"SUCCESS"',
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"a":"' + b"x" * MAX_BODY_BYTES + b'"}',
    ],
)
async def test_an_unreadable_answer_is_ambiguous(provider: Provider, api: Img2ImgApi, body: bytes) -> None:
    """A 2xx that is not of the contract: the submit may have been taken; the status may be asked again."""
    provider.says(body)
    with pytest.raises(AmbiguousError):
        await api.submit(EDIT, "k")
    with pytest.raises(UnavailableError):
        await api.status("1")


@pytest.mark.parametrize(
    "reply", [{}, {"status": "PENDING"}, {"status": "PENDING", "id": True}, {"id": "a b", "status": "x"}, {"id": ".."}]
)
async def test_running_without_an_id_is_ambiguous(provider: Provider, api: Img2ImgApi, reply: dict[str, Any]) -> None:
    """Taken, and nothing to ask about: as good as not answered."""
    provider.says(reply)
    with pytest.raises(AmbiguousError, match="no id"):
        await api.submit(EDIT, "k")


async def test_a_status_answer_without_a_status_is_no_answer(provider: Provider, api: Img2ImgApi) -> None:
    """An object that says nothing of the edit is asked again."""
    provider.says({"hello": "world"})
    with pytest.raises(UnavailableError, match="names no status"):
        await api.status("1")


@pytest.mark.parametrize("provider_id", ["", " ", "a b", ".", "..", "x" * 201, "a\nb", "ä"])
async def test_an_id_that_cannot_be_one_is_not_asked_about(
    provider: Provider, api: Img2ImgApi, provider_id: str
) -> None:
    """No request is built from text that may not be in a path."""
    with pytest.raises(UnknownIdError):
        await api.status(provider_id)
    assert provider.asked == []


@pytest.mark.parametrize("fault", ["drop", "cut", "hang"])
async def test_a_request_sent_and_not_answered_is_ambiguous(provider: Provider, fault: str) -> None:
    """Dropped, cut in the answer, or silent: perhaps taken, and sent exactly once."""
    provider.fault = fault
    api = Img2ImgApi(provider.url, KEY, connect_timeout_s=0.4, timeout_s=0.2)
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
        with pytest.raises(UnavailableError):
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
    api = Img2ImgApi(provider.url, KEY, connect_timeout_s=0.2, timeout_s=5, limit=1)
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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "detail", "msg", "loc", "x"]), inner),
)


@given(JSON)
def test_any_error_body_gives_words(reply: Any) -> None:
    """Whatever JSON an error brings, words come of it and never an exception."""
    assert isinstance(_words(reply), str)
