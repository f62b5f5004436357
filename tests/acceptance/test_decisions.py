"""What a person decides: retry asks the API before it pays again, cancel is final, pause holds until it is resumed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from retouch.errors import CancelledError
from retouch.failure_limit import TooManyFailuresError
from retouch.ledger import PAGE, JobState, Retried
from retouch.ledger.constants import CHANGED_AT_ONCE
from retouch.states import EditState
from tests.harness.growing import Record
from tests.harness.scene import Scene


def past_its_deadline(scene: Scene, **settings: str) -> str:
    """A batch of one edit that the API took and works on for longer than its deadline: it has failed."""
    scene.worker(deadline="1", **settings)
    scene.api.trouble("odd_status")
    batch = scene.enqueue()
    assert scene.finish(batch)["c0"]["error"]["code"] == "deadline"
    scene.api.clear()
    return batch


def test_a_retry_gets_what_the_api_has(scene: Scene) -> None:
    """An edit that came too late is asked about, and completes without another submit."""
    batch = past_its_deadline(scene)
    assert scene.queue.retry(batch) == Retried(asked=1, sent=0)
    result = scene.finish_again(batch)["c0"]
    assert (result["state"], result["attempts"], result["possible_duplicate"]) == ("completed", 1, False)
    assert len(scene.api.submits()) == 1
    view = scene.queue.status(batch)
    assert (view.recovered, view.sent_anew) == (1, 0)


def test_a_retry_sends_anew_what_the_api_has_no_longer(scene: Scene) -> None:
    """While others are found, an id that is unknown time after time is submitted again."""
    scene.worker(patience="0.1", poll_max="0.5")
    batch = scene.cases({"lost": {"fault": "lost_id"}, "fine": {"fault": "odd_status", "times": 9}})
    assert scene.finish(batch)["lost"]["state"] == "failed"
    scene.api.trouble("odd_status", match="[witness]")
    scene.enqueue(prompt="[witness]")
    assert scene.queue.retry(batch) == Retried(asked=1, sent=0)
    assert scene.finish_again(batch)["lost"]["state"] == "completed"
    assert scene.queue.status(batch).sent_anew == 1


def test_a_retry_anew_pays_again(scene: Scene) -> None:
    """With ``anew`` nothing is asked."""
    batch = past_its_deadline(scene)
    assert scene.queue.retry(batch, anew=True) == Retried(asked=0, sent=1)
    assert scene.finish_again(batch)["c0"]["attempts"] == 2
    assert len(scene.api.submits()) == 2


def test_a_cancel_holds(scene: Scene) -> None:
    """An unanswered submit is not sent again after it, and a producer that still writes is told."""
    scene.worker()
    scene.api.trouble("drop_after_accept")
    batch = scene.enqueue(3)
    scene.until(lambda: len(scene.api.submits()) >= 3, "all are sent, and not answered")
    scene.queue.cancel(batch)
    results = scene.finish(batch)
    assert {r["state"] for r in results.values()} == {"cancelled"}
    assert len(scene.api.submits()) == 3


def test_a_worker_goes_on_with_a_cancel_whose_command_was_killed(scene: Scene) -> None:
    """Although there is no gateway: `retouch jobs` says meanwhile that nobody does."""
    scene.nobody_works()
    batch = scene.enqueue(CHANGED_AT_ONCE + 1)
    scene.queue.pause(batch)
    job = scene.queue.count_job(batch, "cancel")
    scene.ledger.jobs.start(job.id, mine=True)
    assert scene.queue.run_job(job.id)  # and then it is killed
    scene.worker()
    scene.until(lambda: scene.queue.job(job.id).state is JobState.DONE, "the worker has done it")
    assert scene.queue.status(batch).counts == {EditState.CANCELLED: CHANGED_AT_ONCE + 1}


def test_a_producer_is_told_of_a_cancel(scene: Scene) -> None:
    """It writes no more of a batch that a person has cancelled meanwhile."""

    def edits() -> Iterator[Record]:
        yield from scene.edits(PAGE + 1)
        scene.until(lambda: scene.ledger.reader.batch("big"), "the first page is written")
        scene.queue.cancel("big")
        yield from ({**edit, "custom_id": f"late-{n}"} for n, edit in enumerate(scene.edits(2 * PAGE)))

    with pytest.raises(CancelledError):
        scene.queue.enqueue(edits(), batch="big")
    view = scene.queue.status("big")
    assert view.counts.get(EditState.QUEUED, 0) == 0


def test_a_batch_that_is_paused_waits_for_its_resume(scene: Scene) -> None:
    """Another batch goes on; what was at the API is finished."""
    scene.worker(max_in_flight="2")
    scene.api.trouble("odd_status", times=4)
    batch = scene.enqueue(8)
    scene.until(lambda: len(scene.api.submits()) >= 2, "some are at the API")
    assert scene.queue.pause(batch)
    assert {r["state"] for r in scene.finish(scene.enqueue(3)).values()} == {"completed"}
    counts = scene.queue.status(batch).counts
    assert counts[EditState.QUEUED] >= 4
    assert scene.queue.resume(batch)
    assert {r["state"] for r in scene.finish(batch).values()} == {"completed"}


def test_a_batch_of_which_too_much_fails_stops_by_itself(scene: Scene) -> None:
    """Nothing more is sent, and after a retry all of it completes."""
    scene.worker(max_in_flight="4")
    scene.api.trouble("status", status=422, error="no such style")
    scene.queue.enqueue(scene.edits(12), batch="limited", max_failures="10%")
    with pytest.raises(TooManyFailuresError, match="max_failures is 10%; the batch is paused"):
        scene.queue.wait("limited", 60)
    scene.until(lambda: set(scene.queue.status("limited").counts) == {EditState.QUEUED, EditState.FAILED}, "it stands")
    failed = scene.queue.status("limited").counts[EditState.FAILED]
    assert 2 <= failed <= 2 + 4  # no more than were on their way
    told = [event for event in scene.ledger.reader.events() if event.type == "retouch.paused"]
    assert [event.data["cause"] for event in told] == ["failures"]
    scene.api.clear()
    scene.queue.retry("limited")
    assert {r["state"] for r in scene.finish("limited").values()} == {"completed"}
    assert len(scene.api.submits()) == 12 + failed


def test_the_queue_that_is_paused_waits_for_its_resume(scene: Scene) -> None:
    """No submit of any batch goes, the reason is shown, and a resume lets them go."""
    scene.worker()
    assert scene.queue.pause(reason="the budget meeting is at two")
    batch = scene.enqueue(3)
    scene.until(lambda: "submit:person" in scene.logs(), "the worker has heard of it")
    assert "budget meeting" in scene.pause("submit:person")
    assert scene.api.submits() == []
    assert scene.queue.resume()
    assert {r["state"] for r in scene.finish(batch).values()} == {"completed"}
