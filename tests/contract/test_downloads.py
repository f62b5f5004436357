"""Images and folders of a real S3: read whole, listed and emptied page by page."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import pytest

from retouch.errors import InputError, LostObjectError, StoreRefusedError
from retouch.media.downloads import Buckets, download
from retouch.media.store import Store
from retouch.output import Output
from workers.stack.s3 import S3

pytestmark = pytest.mark.anyio

LARGE = random.Random(1).randbytes(9_000_001)  # several chunks


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # as in the command line


@pytest.fixture
def client(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return s3.client()


@pytest.fixture
def store(s3: S3, client: Any) -> Store:
    return Store(s3.bucket)


def put(client: Any, s3: S3, key: str, data: bytes) -> Output:
    """Store an object; returns what a result would say of it."""
    client.put_object(Bucket=s3.bucket, Key=key, Body=data)
    uri = f"s3://{s3.bucket}/{key}"
    return Output(uri, hashlib.sha256(data).hexdigest(), len(data), 8, 8, "image/png")


def files(folder: Path) -> dict[str, bytes]:
    """What lies in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("data", [b"", b"x", LARGE], ids=["empty", "small", "of several chunks"])
async def test_an_image_becomes_a_file(s3: S3, client: Any, s3_prefix: str, tmp_path: Path, data: bytes) -> None:
    """Byte for byte, in folders that are made for it; the second time it is there."""
    output, path = put(client, s3, f"{s3_prefix}a b/ü+1.png", data), tmp_path / "new/folder/a.png"
    assert await download(Buckets(Store), output, path) is True
    assert await download(Buckets(Store), output, path) is False
    assert files(path.parent) == {"a.png": data}


async def test_an_image_that_differs_is_no_file(s3: S3, client: Any, s3_prefix: str, tmp_path: Path) -> None:
    """Longer, shorter, or of the same length; what was there before stays."""
    output, path = put(client, s3, f"{s3_prefix}a.png", LARGE), tmp_path / "a.png"
    path.write_bytes(b"before")
    for other in (LARGE + b"x", LARGE[:-1], LARGE[:-1] + b"x", b""):
        put(client, s3, f"{s3_prefix}a.png", other)
        with pytest.raises(LostObjectError, match="is not the image that was stored there"):
            await download(Buckets(Store), output, path)
    assert files(tmp_path) == {"a.png": b"before"}


async def test_what_is_not_there_is_told_from_a_bucket_that_is_not(
    s3: S3, client: Any, s3_prefix: str, tmp_path: Path
) -> None:
    """One object that is gone says nothing of the others."""
    gone = Output(f"s3://{s3.bucket}/{s3_prefix}gone.png", "00", 1, 8, 8, "image/png")
    with pytest.raises(LostObjectError, match=f"there is no object s3://{s3.bucket}/{s3_prefix}gone.png"):
        await download(Buckets(Store), gone, tmp_path / "a")
    elsewhere = Output("s3://no-such-bucket-here/a.png", "00", 1, 8, 8, "image/png")
    with pytest.raises(StoreRefusedError, match="NoSuchBucket"):
        await download(Buckets(Store), elsewhere, tmp_path / "a")
    with pytest.raises(InputError, match="is not s3://bucket/key"):
        await download(Buckets(Store), Output("https://e.com/a", "00", 1, 8, 8, "image/png"), tmp_path / "a")
    assert files(tmp_path) == {}


async def test_a_folder_is_listed_and_emptied_page_by_page(
    s3: S3, client: Any, store: Store, s3_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is below it, however deep, and nothing beside it."""
    monkeypatch.setattr("retouch.media.store._LISTED_AT_ONCE", 3)
    inside = {f"{s3_prefix}b/{name}": name for name in ("_SUCCESS", "e0/0.png", "e0/1.png", "e1/0.png", "x y/ü.png")}
    beside = [f"{s3_prefix}b2/e0/0.png", f"{s3_prefix}bb", f"{s3_prefix}b.png"]
    for key in [*inside, *beside]:
        client.put_object(Bucket=s3.bucket, Key=key, Body=inside.get(key, "").encode())
    pages = [page async for page in store.pages(f"{s3_prefix}b/")]
    assert [len(page) for page in pages] == [3, 2]
    assert {found.key: found.size for page in pages for found in page} == {
        key: len(name.encode()) for key, name in inside.items()
    }
    async for page in store.pages(f"{s3_prefix}b/"):
        await store.delete_all([found.key for found in page])
    assert [page async for page in store.pages(f"{s3_prefix}b/")] == []
    left = client.list_objects_v2(Bucket=s3.bucket, Prefix=s3_prefix)["Contents"]
    assert sorted(found["Key"] for found in left) == sorted(beside)


async def test_without_credentials_one_sentence_says_so(
    s3: S3, client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever is asked for first."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "none").touch()
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    output = Output(f"s3://{s3.bucket}/a.png", "00", 1, 8, 8, "image/png")
    with pytest.raises(StoreRefusedError, match="no AWS credentials were found: set AWS_ACCESS_KEY_ID"):
        await download(Buckets(Store), output, tmp_path / "a")
    with pytest.raises(StoreRefusedError, match="no AWS credentials were found"):
        _ = [page async for page in Store(s3.bucket).pages("b/")]
