"""Local pictures: checked first, then uploaded once each."""

from __future__ import annotations

import asyncio
import struct
import zlib
from pathlib import Path

import pytest

from retouch.cli.transfer_bar import TransferBar
from retouch.cli.uploading import Lines
from retouch.errors import InputError
from retouch.intake.uploads import AT_ONCE, Inputs, Picture, upload
from tests.harness.pictures import REFUSED, WHOLE


def png(shade: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixel = zlib.compress(b"\0" + bytes([shade]) * 3)
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


class MemoryStore:
    """Keeps objects in a dict and counts the puts."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.puts = 0

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        self.puts += 1
        self.objects[key] = (data, content_type)

    async def exists(self, key: str) -> bool:
        return key in self.objects


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return Inputs("bucket", "renders/", tmp_path)


def test_equal_pictures_are_one_object_and_one_upload(inputs: Inputs, tmp_path: Path) -> None:
    """Also when the manifest is enqueued again."""
    for name, shade in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        (tmp_path / name).write_bytes(png(shade))
    a, b, c = (inputs.need(inputs.uri(name)) for name in ("a.png", "b.png", "c.png"))
    assert a == b != c
    assert a.startswith("s3://bucket/renders/_inputs/")
    store = MemoryStore()
    for _ in range(2):
        asyncio.run(upload(list(inputs.pending.values()), store))
    assert store.puts == 2
    assert store.objects[a.removeprefix("s3://bucket/")] == (png(1), "image/png")


def test_a_picture_that_is_no_file_is_kept_on_disk_until_it_is_uploaded(inputs: Inputs) -> None:
    """A manifest of a thousand pictures in itself is not held in memory; equal ones are one object."""
    with inputs:
        uris = {inputs.need(inputs.take(png(shade), "data:…")) for shade in (1, 1, 2)}
        assert len(uris) == len(inputs.pending) == 2
        paths = [picture.path for picture in inputs.pending.values()]
        store = MemoryStore()
        asyncio.run(upload(list(inputs.pending.values()), store))
    assert {f"s3://bucket/{key}" for key in store.objects} == uris
    assert {data for data, _ in store.objects.values()} == {png(1), png(2)}
    assert not any(path.exists() for path in paths)


def test_few_pictures_are_in_memory_and_all_are_told(inputs: Inputs, tmp_path: Path) -> None:
    """Each holds its bytes while it is sent; one that is in S3 already is told without being sent."""

    class Slow(MemoryStore):
        now = most = 0

        async def put(self, key: str, data: bytes, content_type: str) -> None:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0)
            await super().put(key, data, content_type)
            self.now -= 1

    for shade in range(50):
        (tmp_path / f"{shade}.png").write_bytes(png(shade))
        inputs.need(inputs.uri(f"{shade}.png"))
    store, done = Slow(), list[tuple[Picture, bool]]()
    first = next(iter(inputs.pending.values()))
    store.objects[first.key] = (png(0), "image/png")
    asyncio.run(upload(inputs.pending.values(), store, lambda *what: done.append(what)))
    assert (store.puts, store.most <= AT_ONCE) == (49, True)
    assert sorted(done) == sorted((picture, picture != first) for picture in inputs.pending.values())
    assert first.size == len(png(0))


def test_uploads_are_told_every_five_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no terminal; short ones print nothing."""
    times = iter([0.0, 1.0, 4.9, 5.0, 5.0, 6.0, 9.0])
    lines = Lines(5, lambda: next(times))
    for _ in range(5):
        lines.step(Picture(Path(), "k", "", "image/png", 1))
    assert capsys.readouterr().err == "uploading: 3 of 5 pictures done\n"


def test_a_bar_counts_pictures_and_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal."""
    bar = TransferBar("uploading", 2, 3_000_000)
    bar.step(1_000_000)
    bar.step(2_000_000)
    bar.close()
    told = capsys.readouterr().err
    assert "uploading" in told
    assert "2/2" in told
    assert "3.0/3.0 MB" in told


@pytest.mark.parametrize("name", WHOLE)
def test_a_picture_of_the_field_is_taken(inputs: Inputs, tmp_path: Path, name: str) -> None:
    """Byte for byte, under the type that its bytes have, whatever its name says."""
    data, content_type, _ = WHOLE[name]
    (tmp_path / "a.gif").write_bytes(data)
    uri, store = inputs.need(inputs.uri("a.gif")), MemoryStore()
    asyncio.run(upload(list(inputs.pending.values()), store))
    assert store.objects == {uri.removeprefix("s3://bucket/"): (data, content_type)}
    assert uri.rpartition(".")[2] == {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}[content_type]


@pytest.mark.parametrize("name", REFUSED)
def test_a_picture_of_the_field_is_refused(inputs: Inputs, tmp_path: Path, name: str) -> None:
    """With the file, and what is wrong with it."""
    data, words = REFUSED[name]
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(InputError, match=rf"a\.png is not a picture that the API accepts .*: it is .*{words}"):
        inputs.uri("a.png")


def test_a_picture_that_changes_meanwhile_is_not_uploaded_under_the_old_name(inputs: Inputs, tmp_path: Path) -> None:
    """Its name is its content."""
    path, store = tmp_path / "a.png", MemoryStore()
    path.write_bytes(png(1))
    inputs.need(inputs.uri("a.png"))
    path.write_bytes(png(2))
    with pytest.raises(InputError, match=r"a\.png has changed since"):
        asyncio.run(upload(list(inputs.pending.values()), store))
    path.unlink()
    with pytest.raises(InputError, match=r"a\.png: No such file or directory, though it was there"):
        asyncio.run(upload(list(inputs.pending.values()), store))
    assert not store.objects


def test_a_picture_that_no_edit_needs_is_not_uploaded(inputs: Inputs, tmp_path: Path) -> None:
    """It was looked at for an edit that is refused."""
    (tmp_path / "a.png").write_bytes(png(1))
    with inputs:
        inputs.uri("a.png")
        inputs.take(png(2), "data:…")
        inputs.need("s3://elsewhere/a.png")
        assert not inputs.pending


@pytest.mark.parametrize(
    ("data", "sentence"),
    [(b"hello", "not a picture"), (png(1)[:-8], "truncated"), (b"", "not a picture"), (None, "No such file")],
)
def test_a_file_that_is_no_whole_picture_is_refused(
    inputs: Inputs, tmp_path: Path, data: bytes | None, sentence: str
) -> None:
    """Before anything is enqueued."""
    if data is not None:
        (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(InputError, match=sentence):
        inputs.uri("a.png")


def test_a_picture_of_a_large_camera_is_taken(inputs: Inputs, tmp_path: Path) -> None:
    """It may be larger than a result, of which many are unpacked."""
    large = png(1)[:16] + (9504).to_bytes(4) + (6336).to_bytes(4) + png(1)[24:]
    large = large[:29] + zlib.crc32(large[12:29]).to_bytes(4) + large[33:]
    (tmp_path / "a.png").write_bytes(large)
    assert inputs.uri("a.png").endswith(".png")


def test_a_folder_is_refused(inputs: Inputs) -> None:
    """Only regular files are read."""
    with pytest.raises(InputError, match="not a regular file"):
        inputs.uri(".")


def test_without_a_bucket_a_local_picture_names_the_variable(tmp_path: Path) -> None:
    """There is nowhere to put it."""
    with pytest.raises(InputError, match="RETOUCH_BUCKET"):
        Inputs(None, "", tmp_path).uri("a.png")
