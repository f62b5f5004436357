"""Images through a gateway whose way, or whose S3, is bad: each whole, and asked for once."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from retouch.errors import InputError, LostObjectError, StoreRefusedError, StoreUnavailableError
from retouch.gateway.client import Client
from retouch.gateway.images import GatewayImages
from retouch.net.gateway_address import GatewayAddress
from tests.harness.web import Request, Web

TOKEN = "rt_caller_secret-that-nobody-may-see"
DATA = bytes(range(256)) * 40
Answer = Callable[[Request], tuple[int, bytes, dict[str, str]]]


class Way(Web):
    """A gateway that signs links, and the S3 server to which they lead (``images``)."""

    def __init__(self) -> None:
        super().__init__(self._answered)
        self.sign: Callable[[list[str]], tuple[int, Any]] = lambda uris: (200, {"links": self.links(uris)})
        self.images: Answer = lambda _request: (200, DATA, {})
        self.asked: list[list[str]] = []
        self._headers = threading.local()

    def links(self, uris: list[str]) -> dict[str, str]:
        """A link for each."""
        return {uri: f"{self.url}/{uri.removeprefix('s3://')}?X-Amz-Signature=planted" for uri in uris}

    def _answered(self, request: Request) -> tuple[int, bytes]:
        if request.path != "/v1/batches/b/links":
            status, data, self._headers.told = self.images(request)
            return status, data
        self.asked.append(json.loads(request.body)["uris"])
        status, body = self.sign(self.asked[-1])
        self._headers.told = {"Content-Type": "application/problem+json" if status >= 400 else "application/json"}
        return status, json.dumps(body).encode()

    def headers(self, request: Request) -> dict[str, str]:
        """Those of the answer."""
        found: dict[str, str] = self._headers.told
        return found


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    """It listens, and nobody pauses."""
    monkeypatch.setattr("retouch.gateway.images.PAUSE_S", 0.0)
    monkeypatch.setattr("retouch.gateway.client.PAUSE_S", 0.0)
    with Way() as way:
        yield way


def test_what_an_edit_was_made_of_is_asked_for_by_its_id(way: Way) -> None:
    """With the images that are wanted at the time; where there is no link, that is said."""

    def sign(uris: list[str]) -> tuple[int, Any]:
        return 200, {"links": way.links(uris), "inputs": {"a": f"{way.url}/before"}}

    way.sign = sign
    way.images = lambda request: (200, b"before" if request.path == "/before" else DATA, {})

    async def whole(chunks: AsyncIterator[memoryview]) -> bytes:
        return b"".join([bytes(chunk) async for chunk in chunks])

    async def all_of_them() -> list[bytes | BaseException]:
        images = GatewayImages(Client(GatewayAddress.parse(way.url, TOKEN)), "b")
        asked = images.input("a", "s3://in/a.png"), images.chunks("s3://bucket/b/a/0.png"), images.input("z", "s3://z")
        return await asyncio.gather(*map(whole, asked), return_exceptions=True)

    before, after, gone = asyncio.run(all_of_them())
    assert (before, after) == (b"before", DATA)
    assert isinstance(gone, LostObjectError)
    assert "no link to s3://z" in str(gone)


def read(way: Way, *uris: str) -> list[bytes]:
    """Read images, all at once."""

    async def one(images: GatewayImages, uri: str) -> bytes:
        return b"".join([bytes(chunk) async for chunk in images.chunks(uri)])

    async def all_of_them() -> list[bytes]:
        images = GatewayImages(Client(GatewayAddress.parse(way.url, TOKEN)), "b")
        return list(await asyncio.gather(*(one(images, uri) for uri in uris)))

    return asyncio.run(all_of_them())


def test_what_is_wanted_together_is_asked_for_together(way: Way) -> None:
    """The key goes to the gateway alone, and no link is asked for twice."""
    uris = [f"s3://bucket/b/e{n}/0.png" for n in range(40)]
    assert read(way, *uris) == [DATA] * 40
    assert sorted(uri for page in way.asked for uri in page) == sorted(uris)
    assert len(way.asked) < 10
    keys = {one.headers.get("authorization") for one in way.requests if "X-Amz" in one.path}
    assert keys == {None}


def test_an_image_that_is_cut_goes_on_where_it_was(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """By another link; an S3 server that fails for a moment is asked again."""
    monkeypatch.setattr("retouch.gateway.images.CHUNK", 1000)
    ranges: list[str | None] = []

    def images(request: Request) -> tuple[int, bytes, dict[str, str]]:
        ranges.append(request.headers.get("range"))
        if len(ranges) == 1:
            return 503, b"SlowDown", {}
        if len(ranges) == 2:
            return 200, DATA[:5000], {"Content-Length": str(len(DATA)), "Connection": "close"}
        start = int((ranges[-1] or "bytes=0-")[len("bytes=") : -1])
        return 206, DATA[start:], {}

    way.images = images
    assert read(way, "s3://bucket/b/a/0.png") == [DATA]
    assert (ranges[:2], len(ranges), len(way.asked)) == ([None, None], 3, 3)
    assert (ranges[2] or "").startswith("bytes=")


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        (404, LostObjectError, "there is no object s3://bucket/b/a/0.png"),
        (403, StoreRefusedError, "the S3 server that the gateway names answers 403 for s3://bucket/b/a/0.png"),
        (302, StoreRefusedError, "answers 302"),
        (500, StoreUnavailableError, "answers 500"),
    ],
)
def test_what_s3_answers_is_told(way: Way, status: int, error: type[Exception], told: str) -> None:
    """By what helps; without the link."""
    way.images = lambda _request: (status, b"", {"Location": way.url} if status == 302 else {})
    with pytest.raises(error, match=told) as raised:
        read(way, "s3://bucket/b/a/0.png")
    assert "planted" not in f"{raised.value!r}{raised.value.__cause__!r}"


@pytest.mark.parametrize(
    ("status", "body", "error", "told"),
    [
        (422, {"detail": "is none of the batch's objects"}, InputError, "is none of the batch's objects"),
        (403, {"detail": "needs the scope read"}, InputError, "needs the scope read"),
        (503, {"detail": "no link can be made"}, StoreUnavailableError, "gives no links: no link can be made"),
        (200, {"links": {}}, StoreUnavailableError, "has no links"),
        (200, {}, StoreUnavailableError, "has no links"),
    ],
)
def test_a_gateway_that_signs_nothing_keeps_nobody_waiting(
    way: Way, status: int, body: Any, error: type[Exception], told: str
) -> None:
    """Each that wanted a link is told why."""
    way.sign = lambda _uris: (status, body)
    with pytest.raises(error, match=told):
        read(way, "s3://bucket/b/a/0.png", "s3://bucket/b/z/0.png")
