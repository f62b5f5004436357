"""``retouch remove``: what is told before, what is asked, and what goes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from retouch.ledger import Ledger
from retouch.states import EditState
from tests.unit.cli.conftest import Run, Worker
from tests.unit.outside import Bucket

Manifest = Callable[..., str]


@pytest.fixture
def batch(run: Run, manifest: Manifest, worker: Worker) -> str:
    """Two edits with two images, one that failed, and the batch's files."""
    run("enqueue", manifest({"custom_id": "0"}, {}, {}), "--batch", "b")  # its images are listed before _SUCCESS
    worker.complete(2, images=2)
    worker.complete(1, images=0, state=EditState.FAILED)
    worker.finish()
    return "b"


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setenv("RETOUCH_BUCKET", "bucket")


def test_the_size_is_told_and_only_yes_removes(run: Run, batch: str, ledger: Ledger, bucket: Bucket) -> None:
    """Where nobody can be asked, nothing goes without ``--yes``."""
    size = sum(len(data) for key, data in bucket.objects.items() if key.endswith(".png"))
    refused = run("remove", batch)
    assert refused.code == 2
    assert f"batch b has 3 edits and 4 images, {size} bytes" in refused.err
    assert "add --yes" in refused.err
    assert ledger.reader.batch("b")
    ended = run("remove", batch, "--yes")
    assert (ended.code, ended.out) == (0, "")
    assert "batch b is removed; its objects in S3 stay (they go with --images)" in ended.err
    assert ledger.reader.batch("b") is None


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", 0), (b"n\n", 2), (b"\n", 2)])
def test_a_person_is_asked_on_a_terminal(
    run: Run, batch: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, answer: bytes, code: int
) -> None:
    """And no is the answer of who says nothing."""
    monkeypatch.setattr("retouch.cli.confirm._at_terminal", lambda: True)
    ended = run("remove", batch, stdin=answer)
    assert ended.code == code
    assert "remove batch b from Redis? This cannot be undone" in ended.err
    assert (ledger.reader.batch("b") is None) is (code == 0)


def test_ctrl_c_at_the_question_removes_nothing(
    run: Run, batch: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 130, as everywhere."""

    class Stdin:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr("retouch.cli.confirm.sys", SimpleNamespace(stdin=Stdin(), stderr=sys.stderr))
    assert run("remove", batch).code == 130
    assert ledger.reader.batch("b")


def test_without_images_no_object_goes(run: Run, batch: str, bucket: Bucket, stored: None) -> None:
    """Not one."""
    before = dict(bucket.objects)
    run("remove", batch, "--yes")
    assert bucket.objects == before


def test_with_images_the_objects_of_the_batch_go_and_success_first(
    run: Run, batch: str, bucket: Bucket, stored: None, ledger: Ledger
) -> None:
    """What is half removed is not taken for whole; uploaded pictures and other batches stay."""
    others = {"_inputs/1.png": b"x", "b2/e0/0.png": b"x", "bb": b"x"}
    bucket.objects |= others
    ended = run("remove", batch, "--images", "--yes")
    assert ended.code == 0
    assert "s3://bucket/b/ has 6 objects, " in ended.err
    assert bucket.objects == others
    assert bucket.acts[0] == "b/_SUCCESS"
    assert ledger.reader.batch("b") is None


def test_images_of_a_batch_that_has_left_redis_go_as_well(run: Run, batch: str, bucket: Bucket, stored: None) -> None:
    """Also what a removal left that was cut off; where there is nothing at all, the name is wrong."""
    run("remove", batch, "--yes")
    assert run("remove", batch, "--images", "--yes").code == 0
    assert bucket.objects == {}
    nothing = run("remove", batch, "--images", "--yes")
    assert nothing.code == 2
    assert "there is no batch 'b' in Redis, and nothing in s3://bucket/b/" in nothing.err


def test_images_elsewhere_are_not_looked_for_here(run: Run, batch: str, bucket: Bucket, stored: None) -> None:
    """With another prefix or bucket than the batch's, nothing is removed."""
    before = dict(bucket.objects)
    ended = run("remove", batch, "--images", "--yes", "--prefix", "edits/")
    assert ended.code == 2
    assert "s3://bucket/b/0/0.png is not below s3://bucket/edits/b/" in ended.err
    assert bucket.objects == before
    assert run("status", batch).code == 0


def test_a_batch_that_has_not_ended_is_not_removed(run: Run, manifest: Manifest, bucket: Bucket, stored: None) -> None:
    """It says what to do first; with images as without."""
    run("enqueue", manifest({}), "--batch", "open")
    for options in ((), ("--images",)):
        ended = run("remove", "open", "--yes", *options)
        assert ended.code == 2
        assert "batch open has not ended, so it is not removed: waiting for 1 queued; NO workers alive: " in ended.err
        assert ended.err.endswith("; to end it: retouch cancel open\n")
    assert bucket.acts == []


def test_a_batch_whose_files_are_not_written_needs_a_worker_and_no_cancel(
    run: Run, manifest: Manifest, ledger: Ledger
) -> None:
    """Neither command sends to the other."""
    run("enqueue", manifest({}), "--batch", "open")
    cancelled = run("cancel", "open").err
    assert "\n1 edit of batch open is cancelled; " in cancelled
    assert "until you start one (celery -A workers worker)" in cancelled
    for command in (["remove", "open", "--yes"], ["cancel", "open"]):
        said = run(*command).err
        assert "waiting for its files to be written; NO workers alive: " in said
        assert "until you start one (celery -A workers worker)" in said
        assert "retouch cancel" not in said
        assert "retouch remove" not in said
    ledger.worker.see_worker("w", {})
    assert "NO workers" not in run("remove", "open", "--yes").err


def test_images_need_a_bucket(run: Run, batch: str) -> None:
    """It is named by a variable."""
    assert "RETOUCH_BUCKET" in run("remove", batch, "--images", "--yes").err
