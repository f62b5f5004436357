"""A result's way from a link into a real S3: whole and checked, or not there at all."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import random
import zlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image

from retouch.errors import BrokenResultError, GoneError, ResultError, StoreRefusedError, UnreachableResultError
from retouch.media.copying import Output, copy
from retouch.media.fetch import Fetcher
from retouch.media.images import MAX_BYTES
from retouch.media.store import Store
from retouch.net.addresses import PrivateHosts
from tests.harness.pictures import BLANK, REFUSED, WHOLE, with_workflow
from workers.stack.s3 import S3

pytestmark = pytest.mark.anyio


def image(kind: str, side: int) -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(1).randbytes(3 * side * side)).save(out, kind, compress_level=0)
    return out.getvalue()


SMALL = image("PNG", 16)
LARGE = image("PNG", 1600)  # some 7.7 MB of noise: more than one part
assert len(LARGE) > 6_000_000


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}  # as in a worker


def packed(body: bytes, coding: str) -> bytes:
    """The body under the last of these content codings, if it is a real one."""
    if coding.endswith("gzip"):
        return gzip.compress(body)
    return zlib.compress(body) if coding.endswith("deflate") else body


class Host:
    """Serves ``pieces`` as one body; ``length`` is announced if not None; cuts the connection if told to."""

    def __init__(self) -> None:
        self.pieces: Iterable[bytes] = [SMALL]
        self.length: int | None = None
        self.status = 200
        self.headers: dict[str, str] = {}
        self.fault = "none"
        self.done = asyncio.Event()
        app = web.Application()
        app.router.add_get("/result", self._handle)
        self.server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self.server.make_url("/result?secret=1"))

    def serves(self, body: bytes, *, announced: bool = True) -> None:
        self.pieces = [body[at : at + 300_000] for at in range(0, len(body), 300_000)]
        self.length = len(body) if announced else None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=self.status, headers=self.headers | {"Content-Type": "text/plain"})
        response.content_length = self.length
        await response.prepare(request)
        for piece in self.pieces:
            await response.write(piece)
        if self.fault == "cut":
            assert request.transport
            request.transport.close()
        if self.fault == "hang":
            await self.done.wait()
        return response


@pytest.fixture
async def host(anyio_backend: object) -> AsyncIterator[Host]:
    one = Host()
    await one.server.start_server()
    yield one
    one.done.set()
    await one.server.close()


@pytest.fixture
async def fetcher(host: Host) -> AsyncIterator[Fetcher]:
    one = Fetcher(PrivateHosts(["127.0.0.1"]))
    yield one
    await one.close()


@pytest.fixture
def store(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return Store(s3.bucket)


@pytest.fixture(scope="module")
def client(s3: S3) -> Any:
    return s3.client()


def left(client: Any, bucket: str, prefix: str) -> list[Any]:
    """What lies below ``prefix``: objects, and uploads that were neither completed nor aborted."""
    objects = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    uploads = client.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", [])
    return [*objects, *uploads]


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(
    ("body", "extension", "content_type", "side"),
    [
        (SMALL, "png", "image/png", 16),
        (LARGE, "png", "image/png", 1600),
        (LARGE + b"\r\n" + bytes(1_500_000), "png", "image/png", 1600),
        (image("JPEG", 40), "jpg", "image/jpeg", 40),
        (image("WEBP", 40), "webp", "image/webp", 40),
    ],
    ids=["small", "large", "trailer", "jpeg", "webp"],
)
async def test_an_image_arrives_as_it_was_served(
    s3: S3,
    client: Any,
    store: Store,
    fetcher: Fetcher,
    host: Host,
    s3_prefix: str,
    body: bytes,
    extension: str,
    content_type: str,
    side: int,
    announced: bool,
) -> None:
    """Same bytes, named and typed by their content; copying twice gives the same object."""
    host.serves(body, announced=announced)
    for _ in range(2):
        output = await copy(fetcher, store, host.url, s3_prefix + "0")
    uri = f"s3://{s3.bucket}/{s3_prefix}0.{extension}"
    assert output == Output(uri, hashlib.sha256(body).hexdigest(), len(body), side, side, content_type)
    found = client.get_object(Bucket=s3.bucket, Key=f"{s3_prefix}0.{extension}")
    assert (found["Body"].read(), found["ContentType"]) == (body, content_type)


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is empty"),
        (b"<html>expired</html>", "is HTML"),
        (SMALL[:-1], "truncated"),
        (LARGE[:-1], "truncated"),
        (with_workflow(SMALL, 3_000_000)[:-1], "truncated"),
    ],
    ids=["empty", "html", "small", "large", "metadata"],
)
async def test_what_is_no_whole_image_leaves_nothing(
    s3: S3,
    client: Any,
    store: Store,
    fetcher: Fetcher,
    host: Host,
    s3_prefix: str,
    body: bytes,
    words: str,
    announced: bool,
) -> None:
    """Whatever the size and however it was announced, a bad result makes no object and no stray parts."""
    host.serves(body, announced=announced)
    with pytest.raises(BrokenResultError, match=words):
        await copy(fetcher, store, host.url, s3_prefix + "0")
    assert left(client, s3.bucket, s3_prefix) == []


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(("fault", "timeout_s", "words"), [("cut", 60.0, "was cut"), ("hang", 0.5, "more than 0.5 s")])
async def test_half_a_body_is_fetched_again_later(
    s3: S3,
    client: Any,
    store: Store,
    fetcher: Fetcher,
    host: Host,
    s3_prefix: str,
    body: bytes,
    fault: str,
    timeout_s: float,
    words: str,
) -> None:
    """A connection that is cut, or stalls until the time is up, leaves nothing and is no verdict on the image."""
    host.serves(body)
    host.pieces = [body[: len(body) // 2]]
    host.fault = fault
    with pytest.raises(UnreachableResultError, match=words) as caught:
        await copy(fetcher, store, host.url, s3_prefix + "0", timeout_s=timeout_s)
    assert "secret" not in str(caught.value)
    assert left(client, s3.bucket, s3_prefix) == []


@pytest.mark.parametrize("announced", [True, False])
async def test_more_than_32_mib_is_refused(
    s3: S3, client: Any, store: Store, fetcher: Fetcher, host: Host, s3_prefix: str, announced: bool
) -> None:
    """An announced length is enough to refuse; without one the bytes are counted."""
    host.pieces = [SMALL, *[bytes(1024 * 1024)] * 32]
    host.length = len(SMALL) + MAX_BYTES if announced else None
    with pytest.raises(BrokenResultError, match=str(MAX_BYTES)):
        await copy(fetcher, store, host.url, s3_prefix + "0")
    assert left(client, s3.bucket, s3_prefix) == []


@pytest.mark.parametrize(
    ("status", "kind"), [(404, GoneError), (403, GoneError), (401, BrokenResultError), (503, UnreachableResultError)]
)
async def test_the_hosts_answer_decides(
    store: Store, fetcher: Fetcher, host: Host, s3_prefix: str, status: int, kind: type[ResultError]
) -> None:
    """A link that is gone is told from a host in trouble, even when the answer's body is an image."""
    host.status = status
    with pytest.raises(kind):
        await copy(fetcher, store, host.url, s3_prefix + "0")


@pytest.mark.parametrize("name", WHOLE)
async def test_pictures_of_the_field_arrive(
    client: Any, store: Store, fetcher: Fetcher, host: Host, s3_prefix: str, name: str
) -> None:
    """Byte for byte, with what follows their end; and those of one colour are told, however much metadata they have."""
    body, content_type, (width, height) = WHOLE[name]
    host.serves(body)
    output = await copy(fetcher, store, host.url, s3_prefix + "0")
    assert (output.content_type, output.width, output.height) == (content_type, width, height)
    assert output.blank is (name in BLANK)
    found = client.get_object(Bucket=store.bucket, Key=output.uri.removeprefix(f"s3://{store.bucket}/"))
    assert found["Body"].read() == body


@pytest.mark.parametrize("name", REFUSED)
async def test_pictures_of_the_field_are_refused(
    s3: S3, client: Any, store: Store, fetcher: Fetcher, host: Host, s3_prefix: str, name: str
) -> None:
    """By what they are, and nothing of them is left."""
    body, words = REFUSED[name]
    host.serves(body)
    with pytest.raises(BrokenResultError, match=words):
        await copy(fetcher, store, host.url, s3_prefix + "0")
    assert left(client, s3.bucket, s3_prefix) == []


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    "coding", ["aws-chunked", "utf-8", "none", "", "Identity", "gzip", "deflate", "aws-chunked, gzip"]
)
async def test_a_content_coding_is_undone_or_ignored(
    client: Any, store: Store, fetcher: Fetcher, host: Host, s3_prefix: str, coding: str, body: bytes, announced: bool
) -> None:
    """What a server names and did is undone; what it only names changes nothing."""
    host.headers = {"Content-Encoding": coding}
    host.serves(packed(body, coding), announced=announced)
    output = await copy(fetcher, store, host.url, s3_prefix + "0")
    assert (output.sha256, output.bytes) == (hashlib.sha256(body).hexdigest(), len(body))
    assert client.get_object(Bucket=store.bucket, Key=f"{s3_prefix}0.png")["Body"].read() == body


@pytest.mark.parametrize(
    ("coding", "body", "words"),
    [
        ("br", b"\x0b\x02\x80" + bytes(100), "compressed with br"),
        ("gzip", gzip.compress(LARGE)[:-100_000], "truncated"),
        ("gzip", gzip.compress(SMALL + bytes(MAX_BYTES)), "when it is decompressed"),
    ],
    ids=["brotli", "cut", "bomb"],
)
async def test_a_content_coding_that_gives_no_picture_leaves_nothing(
    s3: S3,
    client: Any,
    store: Store,
    fetcher: Fetcher,
    host: Host,
    s3_prefix: str,
    coding: str,
    body: bytes,
    words: str,
) -> None:
    """What was not asked for and cannot be undone, what is cut, and what is a bomb."""
    host.headers = {"Content-Encoding": coding}
    host.serves(body)
    with pytest.raises(BrokenResultError, match=words):
        await copy(fetcher, store, host.url, s3_prefix + "0")
    assert left(client, s3.bucket, s3_prefix) == []


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_trouble_with_the_store_is_the_stores(
    s3: S3, fetcher: Fetcher, host: Host, s3_prefix: str, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    """A refusing bucket is not blamed on the result."""
    for name, value in (s3.environment | {"AWS_SECRET_ACCESS_KEY": "wrong"}).items():
        monkeypatch.setenv(name, value)
    host.serves(body)
    with pytest.raises(StoreRefusedError):
        await copy(fetcher, Store(s3.bucket), host.url, s3_prefix + "0")
