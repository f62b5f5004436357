"""Images to files while other commands write the same ones, on a full disk, and over connections that are cut."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from retouch.errors import InputError, StoreUnavailableError
from retouch.media.downloads import Buckets, download
from retouch.media.store import Store
from retouch.output import Output
from tests.harness.disk import full_after
from workers.stack.ports import LOOPBACK

pytestmark = pytest.mark.anyio

IMAGE = b"an image" * 100_000
OUTPUT = Output("s3://bucket/b/e0/0.png", hashlib.sha256(IMAGE).hexdigest(), len(IMAGE), 8, 8, "image/png")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # as in the command line


class Slow:
    """The image in two halves; between them it says that it is ``midway``, and waits until it may ``go_on``."""

    def __init__(self) -> None:
        self.midway, self.go_on = asyncio.Event(), asyncio.Event()

    async def chunks(self, _key: str) -> AsyncIterator[memoryview]:
        half = len(IMAGE) // 2
        yield memoryview(IMAGE[:half])
        self.midway.set()
        await self.go_on.wait()
        yield memoryview(IMAGE[half:])


def buckets(source: Slow) -> Buckets:
    return Buckets(lambda _bucket: source)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_two_commands_that_load_one_image_do_not_cut_each_others_file(tmp_path: Path) -> None:
    """Whoever is whole first puts it in place, and it stays whole whatever becomes of the other."""
    path, first, second = tmp_path / "a.png", Slow(), Slow()
    one = asyncio.create_task(download(buckets(first), OUTPUT, path))
    await first.midway.wait()
    other = asyncio.create_task(download(buckets(second), OUTPUT, path))
    await second.midway.wait()
    first.go_on.set()
    assert await one is True
    assert path.read_bytes() == IMAGE
    second.go_on.set()
    assert await other is True
    assert files(tmp_path) == {"a.png": IMAGE}


async def test_one_that_is_cancelled_takes_nothing_from_the_other(tmp_path: Path) -> None:
    """Its own unfinished file alone is removed."""
    path, first, second = tmp_path / "a.png", Slow(), Slow()
    one = asyncio.create_task(download(buckets(first), OUTPUT, path))
    await first.midway.wait()
    other = asyncio.create_task(download(buckets(second), OUTPUT, path))
    await second.midway.wait()
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    second.go_on.set()
    assert await other is True
    assert files(tmp_path) == {"a.png": IMAGE}


async def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """One sentence names the file and the reason; nothing unfinished is left, and the next try succeeds."""
    path, source = tmp_path / "a.png", Slow()
    source.go_on.set()
    path.write_bytes(b"before")
    with full_after(100_000), pytest.raises(InputError, match=r"a\.png cannot be written: File too large"):
        await download(buckets(source), OUTPUT, path)
    assert files(tmp_path) == {"a.png": b"before"}
    assert await download(buckets(source), OUTPUT, path) is True
    assert files(tmp_path) == {"a.png": IMAGE}


class Cutting:
    """A server that answers with half of the image that it announces; ``answered`` counts that."""

    def __init__(self) -> None:
        self.answered = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        known = 'ETag: "1"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT'
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(IMAGE)}\r\n{known}\r\n\r\n".encode())
        writer.write(IMAGE[: len(IMAGE) // 2])
        await writer.drain()
        writer.close()
        self.answered += 1


async def test_a_connection_that_is_cut_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often: each answer ends in the middle of the image."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    cutting = Cutting()
    async with await asyncio.start_server(cutting, LOOPBACK) as server:
        url = f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(StoreUnavailableError, match="cannot be used for now"):
            await download(Buckets(lambda bucket: Store(bucket, endpoint_url=url)), OUTPUT, tmp_path / "a.png")
    assert cutting.answered
    assert files(tmp_path) == {}
