"""What was picked as one file: whole, of safe names, a picture at a time, and for whoever may see it."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from retouch.access_keys import Scope
from retouch.errors import LostObjectError, StoreUnavailableError
from retouch.ledger import Ledger, Settlement
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.harness.waiting import until
from tests.unit.outside import Bucket
from tests.unit.producing import edit
from tests.unit.workers.gateway.conftest import Client, problem
from workers.gateway import archive
from workers.gateway.archive import OF_ONE, PIECE, Saved, zipped
from workers.gateway.native import pictures
from workers.gateway.threads import Threads

PATH = "/v1/batches/b/pictures.zip"
MADE = datetime(2026, 11, 27, 12, 30, 20, tzinfo=UTC)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The bucket of the pictures."""
    found = Bucket()
    monkeypatch.setattr(pictures, "kept_store", lambda _name: found)
    return found


@pytest.fixture
def batch(ledger: Ledger, bucket: Bucket) -> Callable[..., None]:
    """Make a batch ``b``, of which edits of these names have completed with these images, and are picked."""

    def make(images: dict[str, list[bytes]]) -> None:
        queue = EditQueue(ledger)
        queue.enqueue([edit(name) for name in images], batch="b")
        claims = ledger.worker.claim("w", lease_ms=60_000, places=100, submits=100).claims
        for claim in claims:
            name = claim.member.removeprefix("b/")
            outputs = json.dumps([_put(bucket, f"edits/b/{name}/{n}.png", one) for n, one in enumerate(images[name])])
            end = Settlement(claim, (EditState.SUBMITTING,), EditState.COMPLETED, outputs=outputs)
            assert ledger.worker.settle([end])
        queue.choose("b", pick=images)

    return make


def _put(bucket: Bucket, key: str, data: bytes) -> dict[str, object]:
    bucket.objects[key] = data
    told = {"width": 8, "height": 8, "content_type": "image/png", "bytes": len(data)}
    return {"uri": bucket.uri(key), "sha256": hashlib.sha256(data).hexdigest(), **told}


def unzipped(content: bytes) -> dict[str, bytes]:
    """The files of an archive, which is good."""
    with zipfile.ZipFile(io.BytesIO(content)) as found:
        assert found.testzip() is None
        assert all(one.compress_type == zipfile.ZIP_STORED for one in found.infolist())
        assert len(set(found.namelist())) == len(found.namelist())
        return {name: found.read(name) for name in found.namelist()}


def test_what_was_picked_is_one_file(client: Client, batch: Callable[..., None], ledger: Ledger) -> None:
    """Each image as it is, named by its edit; what is not picked is not in it."""
    batch({"a": [b"1"], "b": [b"2", b"3"], "c": [b"4"]})
    EditQueue(ledger).choose("b", reject=["c"])
    caller = client(Scope.READ)
    answer = caller.get(PATH)
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="b-picked.zip"'
    assert unzipped(answer.content) == {"a.png": b"1", "b.png": b"2", "b.1.png": b"3"}
    assert unzipped(caller.get(f"{PATH}?is=rejected").content) == {"c.png": b"4"}


def test_what_is_gone_is_named_in_the_file(client: Client, batch: Callable[..., None], bucket: Bucket) -> None:
    """So is what is another picture now, or has none; all others are there."""
    batch({"a": [b"1"], "b": [b"2"], "c": [b"3"], "d": []})
    del bucket.objects["edits/b/a/0.png"]
    bucket.objects["edits/b/b/0.png"] = b"another"
    found = unzipped(client().get(PATH).content)
    missing = found.pop("MISSING.txt").decode().splitlines()
    assert found == {"c.png": b"3"}
    assert [line.partition(":")[0] for line in missing] == ["a.png", "b.png", "d"]
    assert "its length or its sha256 differs" in missing[1]


def test_who_may_not_know_of_a_batch_has_no_file_of_it(client: Client, batch: Callable[..., None]) -> None:
    """Who may only watch has: it holds pictures, and names of edits. Where nothing is picked that is said."""
    batch({"a": [b"1"]})
    assert unzipped(client(Scope.WATCH, name="w").get(PATH).content) == {"a.png": b"1"}
    assert problem(client(Scope.READ, name="o", prefix="o-").get(PATH))["status"] == 404
    assert client(Scope.SUBMIT, name="s").get(PATH).status_code == 403
    assert "no picture of batch 'b' is rejected" in problem(client(name="r").get(f"{PATH}?is=rejected"))["detail"]


def test_too_many_pictures_are_refused_with_the_command_for_them(
    client: Client, batch: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any is read."""
    batch({"a": [b"1"], "b": [b"2"]})
    monkeypatch.setattr(pictures, "MOST", 1)
    assert "retouch download b --picked" in problem(client().get(PATH))["detail"]


def test_where_s3_is_away_that_is_told(client: Client, batch: Callable[..., None], bucket: Bucket) -> None:
    """And no file begins."""
    batch({"a": [b"1"]})
    bucket.trouble = StoreUnavailableError("S3 cannot be reached")
    assert problem(client().get(PATH))["status"] == 503


def test_a_browser_that_goes_ends_it(
    client: Client, batch: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing more is read, and its place is free; one owner has no more than some at once."""
    batch({f"e{n}": [b"x"] for n in range(20)})
    read: list[object] = []

    async def large(_images: object, output: object) -> bytearray:
        read.append(output)
        return bytearray(8_000_000)  # more than sockets hold

    monkeypatch.setattr("workers.gateway.native.pictures.read", large)
    caller = client()
    going = [caller.get(PATH, stream=True) for _ in range(OF_ONE)]
    refused = caller.get(PATH)
    assert problem(refused)["status"] == 429
    assert refused.headers["retry-after"]
    assert len(read) <= 4 * OF_ONE
    for one in going:
        one.close()
    until(lambda: caller.get(PATH, stream=True).status_code == 200, "there is room again")
    assert len(read) < 20


def test_one_picture_is_held_at_a_time() -> None:
    """The next one is read when the one before was sent, a piece at a time."""
    read: list[int] = []

    def saved(number: int) -> Saved:
        def take() -> bytearray:
            read.append(number)
            return bytearray(3 * PIECE)

        return Saved(f"{number}.png", MADE, take)

    async def follow() -> None:
        seen = b""
        async for piece in zipped(iter(map(saved, range(3))), Threads(1)):
            assert len(piece) <= PIECE
            assert len(read) * 3 * PIECE - len(seen) <= 3 * PIECE + 200
            seen += piece
        assert {len(one) for one in unzipped(seen).values()} == {3 * PIECE}

    asyncio.run(follow())


def test_a_large_archive_is_good(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As beyond 4 GiB: its places are written as zip64; a time before 1980 is none of a zip file's."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    saved = [Saved(f"{n}.png", MADE, partial(bytearray, b"x" * 60)) for n in range(5)]
    path = tmp_path / "a.zip"
    path.write_bytes(_all(iter(saved)))
    assert b"PK\x06\x06" in path.read_bytes()
    with zipfile.ZipFile(path) as found:
        assert found.testzip() is None
        assert len(found.namelist()) == 5
        assert found.infolist()[0].date_time == (2026, 11, 27, 12, 30, 20)
        assert not any(one.flag_bits & 0x08 for one in found.infolist())  # each head tells the length


def test_an_archive_of_what_is_gone_alone_says_so() -> None:
    """And is a good one."""

    def gone() -> bytearray:
        raise LostObjectError("there is no object s3://b/a")

    assert unzipped(_all(iter([Saved("a.png", None, gone)]))) == {
        "MISSING.txt": b"a.png: there is no object s3://b/a\n"
    }


def _all(saved: Iterator[Saved]) -> bytes:
    async def follow() -> bytes:
        return b"".join([piece async for piece in archive.zipped(saved, Threads(1))])

    return asyncio.run(follow())
