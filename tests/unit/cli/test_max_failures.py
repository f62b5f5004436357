"""``--max-failures``: a batch of which too much fails is paused, and every command says why and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from retouch.cli import checks
from retouch.ledger import Ledger
from retouch.queue import EditQueue
from retouch.senders import this_user
from retouch.states import EditState
from tests.unit.cli.conftest import Run, Worker

Manifest = Callable[..., str]
WHY = "2 of 5 edits failed, and max_failures is 1"


@pytest.fixture
def five(manifest: Manifest) -> str:
    """A manifest of five edits."""
    return manifest(*({"custom_id": f"c{n}"} for n in range(5)))


@pytest.fixture
def paused(run: Run, worker: Worker, five: str) -> str:
    """A batch that is paused because two of its five edits failed."""
    assert run("enqueue", five, "--batch", "oil", "--max-failures", "1").code == 0
    worker.complete(2, images=0, state=EditState.FAILED)
    return "oil"


@pytest.mark.parametrize("command", ["enqueue", "watch"])
def test_who_waits_is_told_and_ends_with_3(run: Run, paused: str, five: str, command: str) -> None:
    """Why, the failures in groups, and what can be done; also a second try of the same task."""
    again = ("enqueue", five, "--batch", paused, "--max-failures", "1", "--wait")
    ended = run(*(again if command == "enqueue" else ("watch", paused)))
    assert ended.code == 3
    assert f"batch oil is PAUSED (failures): {WHY}; its queued edits are not submitted" in ended.err
    for remedy in ("retouch resume oil", "--max-failures", "retouch retry oil", "retouch cancel oil"):
        assert remedy in ended.err
    assert "2 failed (refused): no (such as c0; group 1)" in ended.err
    assert "batch oil is paused: 3 queued, 2 failed" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(("limit", "code"), [("", 3), ("1", 3), ("2", 0), ("40%", 0), ("39%", 3)])
def test_a_batch_that_has_ended_is_judged_by_the_limit(
    run: Run, worker: Worker, five: str, limit: str, code: int
) -> None:
    """With no more failures than are allowed the exit code is 0, and they are listed all the same."""
    run("enqueue", five, "--batch", "oil")
    worker.complete(3)
    worker.complete(2, images=0, state=EditState.FAILED)
    worker.finish()
    ended = run("watch", "oil", *(("--max-failures", limit) if limit else ()))
    assert ended.code == code
    assert "2 failed (refused): no" in ended.err
    verdict = "more than" if code else "no more than"
    assert (f"2 of 5 edits failed, {verdict} --max-failures {limit}" in ended.err) is bool(limit)
    assert "PAUSED" not in ended.err


def test_the_batchs_own_limit_counts_for_all_who_wait(run: Run, worker: Worker, five: str) -> None:
    """It was given with the edits; cancelled ones are no failures, and told by their own code."""
    run("enqueue", five, "--batch", "oil", "--max-failures", "2")
    worker.complete(2, images=0, state=EditState.FAILED)
    worker.complete(2)
    run("cancel", "oil")
    worker.finish()
    assert run("watch", "oil").code == 4


def test_a_last_failure_that_is_one_too_many_is_told_at_the_end(run: Run, worker: Worker, five: str) -> None:
    """Nothing was left to be paused; who waits without a limit of its own is told by the batch's."""
    run("enqueue", five, "--batch", "oil", "--max-failures", "1")
    worker.complete(3)
    worker.complete(2, images=0, state=EditState.FAILED)
    worker.finish()
    ended = run("watch", "oil")
    assert (ended.code, "2 of 5 edits failed, more than --max-failures 1" in ended.err) == (3, True)


def test_enqueue_with_wait_and_a_limit_ends_with_0(
    run: Run, ledger: Ledger, worker: Worker, five: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no more than it fail."""
    wait = EditQueue.wait

    def working(self: EditQueue, batch: str, *args: Any, **more: Any) -> object:
        worker.complete(4)
        worker.complete(1, images=0, state=EditState.FAILED)
        worker.finish()
        return wait(self, batch, *args, **more)

    monkeypatch.setattr(EditQueue, "wait", working)
    ended = run("enqueue", five, "--batch", "oil", "--max-failures", "20%", "--wait")
    assert ended.code == 0
    assert "1 of 5 edits failed, no more than --max-failures 20%" in ended.err


def test_every_view_of_the_batch_says_why(run: Run, paused: str) -> None:
    """The list, the batch, an edit, and the limit while nothing is paused."""
    assert run("batches").out.split()[:7] == ["oil", "paused", "2/5", "3", "queued,", "2", "failed"]
    assert f"(failures), by {this_user()}" in run("batches").out
    out = run("status", paused).out
    assert f"batch oil is PAUSED (failures): {WHY}" in out
    assert "see why: retouch status oil" in out
    record = run("status", paused, "--json").json
    assert record["max_failures"] == "1"
    assert [pause["cause"] for pause in record["paused"]] == ["failures"]
    assert "retouch resume oil" in run("explain", "oil/c4").out


def test_doctor_finds_paused_batches(run: Run, ledger: Ledger, paused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever paused them: nothing of them is submitted until somebody decides."""
    monkeypatch.setattr(checks, "first_contact", lambda _url: EditQueue(ledger))
    [finding] = checks.pause_findings("redis://")
    assert (finding.ok, finding.subject) == (False, "pause")
    assert f"batch oil is PAUSED (failures): {WHY}" in finding.text
    run("resume", paused)
    assert [finding.text for finding in checks.pause_findings("redis://")] == ["none"]


def test_resume_lifts_the_limit_and_says_so(run: Run, worker: Worker, paused: str) -> None:
    """All others may fail then, and the exit code is 3 at the end, as of any batch with failures."""
    ended = run("resume", paused)
    assert ended.err == (
        "batch oil is resumed\nmax_failures was 1, and holds no more: it goes on however many of its edits fail\n"
    )
    worker.complete(3, images=0, state=EditState.FAILED)
    worker.finish()
    assert run("watch", paused).code == 3
    assert "max_failures" not in run("status", paused).out


def test_resume_sets_another_limit(run: Run, paused: str) -> None:
    """One that is exceeded already is refused, in one sentence that says what to do."""
    refused = run("resume", paused, "--max-failures", "10%")
    assert refused.code == 2
    assert "2 of 5 edits of batch oil have failed already" in refused.err
    ended = run("resume", paused, "--max-failures", "3")
    assert (ended.code, "max_failures is 3: with more failed edits" in ended.err) == (0, True)
    assert "max_failures is 3" in run("status", paused).out


def test_retry_goes_on_and_says_if_it_does_not(run: Run, paused: str) -> None:
    """The pause for failures ends with them; one by a person does not."""
    run("pause", paused)
    told = run("retry", paused).err
    assert "2 failed edits of batch oil are back in the queue" in told
    assert "batch oil is PAUSED (person)" in told
    assert "failures" not in told
    run("resume", paused)
    assert run("status", paused).out.startswith(
        f"oil: open; 0/5 ended; 5 queued\nsent by {this_user()}\nmax_failures is 1"
    )


def test_another_limit_is_refused_before_anything_is_written(run: Run, paused: str, manifest: Manifest) -> None:
    """By enqueue and by watch, each with what to do."""
    more = manifest({"custom_id": "new"}, name="more.jsonl")
    for refused in (
        run("enqueue", more, "--batch", paused, "--max-failures", "5%"),
        run("watch", paused, "--max-failures", "5%"),
    ):
        assert refused.code == 2
        assert "batch oil was given max_failures 1 before, and not 5%" in refused.err
        assert "retouch resume oil --max-failures 5%" in refused.err
    assert run("status", paused, "--json").json["total"] == 5


def test_a_cancelled_batch_is_awaited(run: Run, worker: Worker, paused: str) -> None:
    """Who has given it up waits for what the API has, and then ends with 3."""
    run("cancel", paused)
    assert run("watch", paused, "--timeout", "0").code == 5
    worker.finish()
    ended = run("watch", paused)
    assert (ended.code, "batch oil has ended" in ended.err) == (3, True)


@pytest.mark.parametrize("limit", ["-1", "1.5", "101%", "%", "many", "1e3", "0x1"])
@pytest.mark.parametrize("command", ["enqueue", "watch", "resume", "redo"])
def test_what_is_no_limit_is_refused(run: Run, five: str, command: str, limit: str) -> None:
    """In one sentence, with exit code 2, before anything is done."""
    ended = run(command, five if command == "enqueue" else "oil", f"--max-failures={limit}")
    assert ended.code == 2
    assert f"max_failures is '{limit}': write a number of edits, such as 10, or a percentage" in ended.err


def test_a_limit_of_all_submits_is_refused(run: Run) -> None:
    """It is a batch's."""
    ended = run("resume", "--max-failures", "1")
    assert (ended.code, "max_failures is of one batch" in ended.err) == (2, True)


def test_redo_binds_its_new_batch(run: Run, worker: Worker, paused: str) -> None:
    """As enqueue does."""
    assert run("redo", paused, "--failed", "--yes", "--max-failures", "0").code == 0
    assert run("status", "oil-redo-1", "--json").json["max_failures"] == "0"
