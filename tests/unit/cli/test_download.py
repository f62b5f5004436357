"""``retouch download``: which pictures, under which names, and what becomes of those that cannot be had."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from retouch.errors import StoreRefusedError
from retouch.ledger import Entry, Ledger
from retouch.queue import EditQueue
from retouch.signals import raise_on
from retouch.states import EditState
from tests.unit.cli.conftest import Run, Worker, picture
from tests.unit.cli.test_uploads import MemoryStore
from tests.unit.outside import Bucket

Manifest = Callable[..., str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that commands run in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def batch(run: Run, manifest: Manifest, worker: Worker, here: Path) -> str:
    """Two completed edits, one with two images; one that failed with an image; one that has not ended."""
    run("enqueue", manifest(*({} for _ in range(4))), "--batch", "b")
    worker.complete(1)
    worker.complete(1, images=2)
    worker.complete(1, state=EditState.FAILED)
    return "b"


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_pictures_come_into_a_folder_of_the_batchs_name(run: Run, batch: str, here: Path, bucket: Bucket) -> None:
    """Under their edit's id; it is said how many edits have not ended."""
    ended = run("download", batch)
    assert (ended.code, ended.out) == (0, "")
    expected = {"e0.0.png": "b/e0/0.png", "e1.0.png": "b/e1/0.png", "e1.1.png": "b/e1/1.png", "e2.0.png": "b/e2/0.png"}
    assert files(here / "b") == {name: bucket.objects[key] for name, key in expected.items()}
    assert "4 pictures saved in b\n" in ended.err
    assert "1 edit not ended yet" in ended.err


def test_those_that_were_picked_come_alone(run: Run, batch: str, here: Path, ledger: Ledger) -> None:
    """None at all, if none were."""
    assert "0 pictures saved in b" in run("download", batch, "--picked").err
    EditQueue(ledger).choose(batch, pick=["e1"], reject=["e0"])
    assert run("download", batch, "--picked").code == 0
    assert set(files(here / "b")) == {"e1.0.png", "e1.1.png"}


def test_what_is_there_is_kept_and_what_differs_is_loaded_again(run: Run, batch: str, here: Path) -> None:
    """By length and SHA-256, not by name."""
    run("download", batch, "out")
    before = files(here / "out")
    (here / "out/e0.0.png").write_bytes(before["e0.0.png"][:-1] + b"!")
    (here / "out/e1.0.png").write_bytes(b"short")
    (here / "out/e1.1.png").unlink()
    said = run("download", batch, "out").err
    assert "3 pictures saved in out (2 in place of another file), 1 was there already\n" in said
    assert files(here / "out") == before


def test_states_are_chosen(run: Run, batch: str, here: Path) -> None:
    """A failed edit may have images too."""
    run("download", batch, "good", "--only", "completed")
    assert sorted(files(here / "good")) == ["e0.0.png", "e1.0.png", "e1.1.png"]
    run("download", batch, "bad", "--only", "failed,cancelled")
    assert sorted(files(here / "bad")) == ["e2.0.png"]
    assert "an edit does not end as 'done'" in run("download", batch, "--only", "done").err


def test_names_are_chosen_with_folders(run: Run, batch: str, here: Path, bucket: Bucket) -> None:
    """Of all that the template may name."""
    run("download", batch, "out", "--names", "{batch}/{ext}/{custom_id}_{n}_{sha256}", "--only", "completed")
    sha256 = hashlib.sha256(bucket.objects["b/e1/1.png"]).hexdigest()
    assert files(here / "out")[f"b/png/e1_1_{sha256}"] == bucket.objects["b/e1/1.png"]


def test_names_may_be_those_of_the_pictures_that_were_edited(
    run: Run, manifest: Manifest, worker: Worker, here: Path
) -> None:
    """Whatever kind of address they have."""
    addresses = [
        "s3://bucket/in/cat.jpg",
        "https://example.com/a/my%20dog.jpeg?X-Amz-Signature=1",
        "s3://bucket/no.2.png",
    ]
    run("enqueue", manifest(*({"init_image": one} for one in addresses)), "--batch", "b")
    worker.complete(3)
    assert run("download", "b", "--names", "{stem}.{ext}").code == 0
    assert sorted(files(here / "b")) == ["cat.png", "my dog.png", "no.2.png"]


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        (["s3://bucket/a/cat.jpg", "s3://bucket/b/cat.png"], "two pictures would be 'cat.png'"),
        (
            ["s3://bucket/cat.jpg", "https://example.com/"],
            "e1 was made of has no file name for {stem}; write {custom_id}",
        ),
        (["https://example.com/..%2F..%5C"], "e0 was made of has no file name"),
        (["https://example.com/a%1Bb.png"], "is not the name of a file inside the folder"),
    ],
)
def test_names_of_edited_pictures_that_cannot_be_are_refused(
    run: Run, manifest: Manifest, worker: Worker, here: Path, addresses: list[str], said: str
) -> None:
    """Before anything is downloaded."""
    run("enqueue", manifest(*({"init_image": one} for one in addresses)), "--batch", "b")
    worker.complete(2)
    ended = run("download", "b", "--names", "{stem}.{ext}")
    assert (ended.code, list(here.iterdir())) == (2, [])
    assert said in ended.err


def test_the_picture_that_was_edited_is_not_replaced(
    run: Run, worker: Worker, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By results with names like theirs; a result that is there may be."""
    monkeypatch.setenv("RETOUCH_BUCKET", "bucket")
    monkeypatch.setattr("retouch.queue.kept_store", lambda _bucket: MemoryStore())
    (here / "cat.png").write_bytes(original := picture(side=16))
    assert run("enqueue", "cat.png", "--prompt", "x", "--batch", "b").code == 0
    worker.complete(1)
    ended = run("download", "b", ".", "--names", "{stem}.{ext}")
    assert ended.code == 2
    assert "cat.png is a picture that was edited" in ended.err
    assert files(here) == {"cat.png": original}
    (here / "cat.png").write_bytes(picture(side=9))
    assert run("download", "b", ".", "--names", "{stem}.{ext}").code == 0


def test_no_picture_of_the_batch_is_replaced_by_results_of_another_one(
    run: Run, worker: Worker, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that has results in it beside its pictures, and is edited once more; also if the sizes are equal."""
    monkeypatch.setenv("RETOUCH_BUCKET", "bucket")
    monkeypatch.setattr("retouch.queue.kept_store", lambda _bucket: MemoryStore())
    (here / "cat.png").write_bytes(picture(side=16))
    (here / "cat.0.png").write_bytes(before := picture(shade=9))
    assert run("enqueue", ".", "--prompt", "x", "--batch", "b").code == 0
    worker.complete(2)
    ended = run("download", "b", ".")
    assert ended.code == 2
    assert "cat.0.png is a picture that was edited" in ended.err
    assert (here / "cat.0.png").read_bytes() == before


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{name}.png", "there is no {name}; there are {batch}, {custom_id}, {stem}, {n}, {ext}, {sha256}"),
        ("{}.png", "there is no {}"),
        ("{custom_id.__class__}", "there is no {custom_id.__class__}"),
        ("{custom_id", "expected '}'"),
        ("{n:9999999999}", "nothing else"),
        ("{n!r}", "nothing else"),
        ("../{custom_id}.{n}", "is not the name of a file inside the folder"),
        ("a/../../{custom_id}.{n}", "is not the name of a file inside the folder"),
        ("/tmp/{custom_id}.{n}", "is not the name of a file inside the folder"),
        ("a//{custom_id}.{n}", "is not the name of a file inside the folder"),
        ("..\\{custom_id}.{n}", "is not the name of a file inside the folder"),
        ("{custom_id}\x1b.{n}", "is not the name of a file inside the folder"),
        ("{custom_id}.{n}.part", "how an unfinished file is named"),
        ("{custom_id}.{ext}", "two pictures would be 'e1.png'"),
        ("all.png", "two pictures would be 'all.png'"),
        ("", "is not the name of a file inside the folder"),
        (f"{'a' * 256}{{custom_id}}", "is longer than the 255 bytes"),
    ],
)
def test_names_that_cannot_be_are_refused_before_anything_is_written(
    run: Run, batch: str, here: Path, template: str, said: str
) -> None:
    """Exit code 2, and no folder is made."""
    ended = run("download", batch, "--names", template)
    assert ended.code == 2
    assert said in ended.err
    assert list(here.iterdir()) == []


def test_an_edit_that_is_named_like_a_folder_above_leads_nowhere(
    run: Run, ledger: Ledger, worker: Worker, here: Path
) -> None:
    """``..`` may be in a ledger, whoever has written it."""
    ledger.producer.enqueue("b", [Entry("..", "d", "{}", 1, None)])
    worker.complete(1)
    assert run("download", "b", "--names", "{custom_id}/{n}.{ext}").code == 2
    assert run("download", "b").code == 0
    assert sorted(files(here)) == ["b/...0.png"]


def test_names_that_differ_in_case_alone_are_one(run: Run, manifest: Manifest, worker: Worker, here: Path) -> None:
    """On some systems they are; there is a name that differs everywhere."""
    run("enqueue", manifest({"custom_id": "Cat"}, {"custom_id": "cat"}), "--batch", "b")
    worker.complete(2)
    ended = run("download", "b")
    assert ended.code == 2
    assert "the second is cat's" in ended.err
    assert run("download", "b", "--names", "{custom_id}.{sha256}.{ext}").code == 0
    assert len(files(here)) == 2


def test_a_picture_that_is_gone_or_differs_is_told_and_the_others_come(
    run: Run, batch: str, here: Path, bucket: Bucket
) -> None:
    """Exit code 3; nothing of it is in the folder."""
    del bucket.objects["b/e0/0.png"]
    bucket.objects["b/e1/0.png"] += b"more"
    bucket.objects["b/e1/1.png"] = bytes(len(bucket.objects["b/e1/1.png"]))
    ended = run("download", batch)
    assert ended.code == 3
    assert "there is no object s3://bucket/b/e0/0.png" in ended.err
    for name in ("e1/0.png", "e1/1.png"):
        assert f"s3://bucket/b/{name} is not the image that was stored there" in ended.err
    assert "1 picture saved in b, 3 could not be had" in ended.err
    assert list(files(here / "b")) == ["e2.0.png"]


def test_a_bucket_that_refuses_ends_it_in_one_sentence(run: Run, batch: str, bucket: Bucket) -> None:
    """Exit code 6, and how to go on."""
    bucket.trouble = StoreRefusedError("no AWS credentials were found: set AWS_ACCESS_KEY_ID or AWS_PROFILE")
    ended = run("download", batch)
    assert ended.code == 6
    assert ended.err.count("no AWS credentials were found") == 1
    assert "0 pictures are there, the same again downloads the rest" in ended.err


def test_a_folder_that_cannot_be_written_is_bad_input(run: Run, batch: str, here: Path) -> None:
    """A file of that name is in the way."""
    (here / "b").write_text("mine")
    ended = run("download", batch)
    assert ended.code == 2
    assert "cannot be written" in ended.err


def test_a_batch_that_has_left_redis_is_downloaded_from_s3(
    run: Run, manifest: Manifest, worker: Worker, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its manifest is in the bucket."""
    run("enqueue", manifest({}, {}), "--batch", "b")
    worker.complete(2)
    worker.finish()
    run("remove", "b", "--yes")
    monkeypatch.setenv("RETOUCH_BUCKET", "bucket")
    assert run("download", "b").code == 0
    assert sorted(files(here / "b")) == ["e0.0.png", "e1.0.png"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_says_how_to_go_on(
    run: Run, batch: str, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    """And no task's error is shown with it; nothing is half there."""
    once = iter([number])

    async def interrupted(_key: str) -> AsyncIterator[memoryview]:
        for signalled in once:
            os.kill(os.getpid(), signalled)  # to the main thread, which waits for this one
        await asyncio.Event().wait()
        yield memoryview(b"")

    monkeypatch.setattr(bucket, "chunks", interrupted)
    before = signal.getsignal(signal.SIGTERM)
    raise_on(signal.SIGTERM)  # as the command line does in a process of its own
    try:
        ended = run("download", batch)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.code == code
    assert ended.err == "interrupted with 0 of 4 pictures; the same command again downloads the rest\n"
    assert list(Path("b").iterdir()) == []


def test_a_redo_does_not_take_the_place_of_what_it_does_again(run: Run, batch: str, worker: Worker, here: Path) -> None:
    """Its pictures have the same ids; the same command again finds its own there."""
    run("download", batch, "out")
    before = files(here / "out")
    (here / "ids.txt").write_text("e0\n")
    assert run("redo", batch, "--only", "ids.txt", "--set", "strength=0.6").code == 0
    worker.complete(1)  # the one that had not ended
    worker.complete(1)
    ended = run("download", "b-redo-1", "out")
    assert ended.code == 2
    assert "e0.0.png is there, and may be the picture that is done again; choose another folder" in ended.err
    assert files(here / "out") == before
    for _ in range(2):
        assert run("download", "b-redo-1", "out", "--names", "{batch}.{custom_id}.{n}.{ext}").code == 0
    assert sorted(files(here / "out")) == sorted([*before, "b-redo-1.e0.0.png"])
