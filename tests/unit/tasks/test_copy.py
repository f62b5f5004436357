"""What becomes of a finished edit by how its images are copied."""

from __future__ import annotations

from typing import Any

import pytest

from retouch.causes import PauseCause
from retouch.errors import (
    BrokenResultError,
    GoneError,
    StoreRefusedError,
    StoreUnavailableError,
    UnreachableResultError,
)
from retouch.provider.answers import Answer, Status
from tests.unit.worker_stage import DEADLINE_S, Worker
from workers.pauses import ABANDONED_MS

A, B = "https://results.test/a.png", "https://results.test/b.png"
# With every random number at 0.5: the first retry of a copy comes after 750 ms, then twice as long each time.
RETRY_MS = 750
DAY_MS = 24 * 3600 * 1000
COPYING = {"state": "copying", "submits": 1, "tries": 1, "note": "why", "due": RETRY_MS}


def success(*urls: str, provider_id: str | None = "p1") -> Answer:
    """The API is done, and serves these links."""
    return Answer(Status.SUCCESS, provider_id, urls, None)


OUTCOMES = {
    "gone": (GoneError("why"), COPYING | {"strikes": 1}),
    "broken": (BrokenResultError("why"), COPYING | {"strikes": 1}),
    "unreachable": (UnreachableResultError("why"), COPYING),
    "store away": (StoreUnavailableError("why"), COPYING),
    "store unwilling": (StoreRefusedError("why"), COPYING | {"pauses": {"store": 0}}),
}


def trouble(worker: Worker, error: Exception) -> None:
    """Let the copy of the first image fail so, by whoever raises such errors."""
    if isinstance(error, StoreUnavailableError | StoreRefusedError):
        worker.outside.store.errors["/0.png"] = error
    else:
        worker.outside.results.errors[A] = error


@pytest.mark.parametrize(("error", "seen"), OUTCOMES.values(), ids=OUTCOMES)
def test_a_copy_that_fails_is_tried_again(worker: Worker, error: Exception, seen: dict[str, Any]) -> None:
    """With a strike where the image is to blame, and a pause of submits where no result could be kept."""
    worker.enqueue()
    trouble(worker, error)
    worker.submit(success(A))
    assert worker.seen() == seen
    assert worker.open_claims() == []


@pytest.mark.parametrize(
    ("error", "code"), [(GoneError("why"), "result_gone"), (BrokenResultError("why"), "broken_result")]
)
def test_the_third_bad_image_fails_the_edit(worker: Worker, error: Exception, code: str) -> None:
    """Two more tries, each later than the one before, and each asks the API for the links anew."""
    worker.enqueue()
    trouble(worker, error)
    worker.submit(success(A))
    worker.later(RETRY_MS)
    worker.poll(success(A))
    assert worker.seen() == COPYING | {"tries": 2, "strikes": 2, "due": 2 * RETRY_MS}
    worker.later(2 * RETRY_MS)
    worker.poll(success(A))
    assert worker.seen() == {"state": "failed", "submits": 1, "error": code}
    assert worker.api.asked == ["p1", "p1"]


def test_a_copy_begun_anew_takes_the_new_link(worker: Worker) -> None:
    """A stale link is renewed by the next poll, and the image is kept."""
    worker.enqueue()
    trouble(worker, GoneError("why"))
    worker.submit(success(A))
    worker.later(RETRY_MS)
    worker.poll(success(B))
    assert worker.seen() == {"state": "completed", "submits": 1, "images": 1}
    assert list(worker.outside.store.objects) == ["b/c0/0.png"]


def test_an_edit_without_an_id_is_copied_from_the_links_it_came_with(worker: Worker) -> None:
    """The API cannot be asked again; the links are kept in the ledger, and the tries count all the same."""
    worker.enqueue()
    trouble(worker, UnreachableResultError("why"))
    worker.submit(success(A, provider_id=None))
    worker.later(RETRY_MS)
    claim = worker.edits()
    worker.do(claim)
    assert worker.seen() == COPYING | {"tries": 2, "due": 2 * RETRY_MS}
    worker.outside.results.errors.clear()
    worker.later(2 * RETRY_MS)
    worker.do(worker.edits())
    assert worker.seen() == {"state": "completed", "submits": 1, "images": 1}
    assert worker.api.asked == []


def test_the_first_copy_counts_no_trouble_of_the_polls_before_it(worker: Worker) -> None:
    """Strikes and tries of polls say nothing of the image."""
    worker.enqueue()
    worker.submit(Answer(Status.RUNNING, "p1", (), None))
    worker.client.hset(worker.keys.edit("b/c0"), mapping={"strikes": 2, "tries": 7})
    trouble(worker, GoneError("why"))
    worker.later(1000)
    worker.poll(success(A))
    assert worker.seen() == COPYING | {"strikes": 1}


SAMPLES = {
    "all": ((A, B), None, {"state": "completed", "images": 2}),
    "too few": ((A,), None, {"state": "failed", "error": "partial_result", "images": 1}),
    "none": ((), None, {"state": "failed", "error": "empty_result"}),
    "one unreachable": ((A, B), UnreachableResultError("why"), COPYING),
    "one gone": ((A, B), GoneError("why"), COPYING | {"strikes": 1}),
}


@pytest.mark.parametrize(("urls", "error", "seen"), SAMPLES.values(), ids=SAMPLES)
def test_all_samples_count(
    worker: Worker, urls: tuple[str, ...], error: Exception | None, seen: dict[str, Any]
) -> None:
    """Fewer images than were asked for fail an edit that cannot be asked about; trouble with one is tried again."""
    worker.enqueue(samples=2)
    if error:
        worker.outside.results.errors[A] = error
    worker.submit(success(*urls, provider_id=None))
    assert worker.seen() == {"submits": 1} | seen


LATE = {"a moment before": (0, "copying"), "a moment after": (1, "failed")}


@pytest.mark.parametrize(("beyond_ms", "state"), LATE.values(), ids=LATE)
def test_a_host_of_results_that_stays_away_is_waited_for_a_day(worker: Worker, beyond_ms: int, state: str) -> None:
    """Until a day after the deadline the copy is tried again; then the edit fails with the reason."""
    worker.enqueue()
    trouble(worker, UnreachableResultError("why"))
    worker.submit(success(A))
    worker.later(RETRY_MS)
    past_ms = DAY_MS + beyond_ms
    worker.client.hset(worker.keys.edit("b/c0"), "deadline", worker.clock.now - past_ms)
    worker.poll(success(A))
    assert worker.seen()["state"] == state
    assert worker.seen().get("error") == ("result_unreachable" if state == "failed" else None)


@pytest.mark.parametrize("error", [StoreUnavailableError("why"), StoreRefusedError("why")], ids=["away", "unwilling"])
def test_the_store_is_waited_for_without_end(worker: Worker, error: Exception) -> None:
    """Its trouble is ours: no result that was paid for is given up for it."""
    worker.enqueue()
    trouble(worker, error)
    worker.submit(success(A))
    worker.later(RETRY_MS)
    worker.client.hset(worker.keys.edit("b/c0"), mapping={"deadline": worker.clock.now - 3 * DAY_MS, "tries": 900})
    worker.poll(success(A))
    assert worker.seen()["state"] == "copying"
    assert worker.seen()["due"] == 22_500


def test_a_store_that_refused_a_result_is_checked_until_it_takes_one(worker: Worker) -> None:
    """It was good when the worker began; submits go on by themselves once it is good again."""
    worker.look_after_the_store(lambda: "delete _retouch/probe" in worker.outside.store.acts)
    worker.enqueue()
    trouble(worker, StoreRefusedError("why"))
    worker.submit(success(A))
    assert set(worker.pauses()) == {"store"}
    worker.outside.store.errors.clear()
    worker.look_after_the_store(lambda: worker.pauses() == {})


def test_a_pause_of_a_worker_that_is_gone_is_ended_by_another(worker: Worker) -> None:
    """One whose own puts were never refused checks the store as well, once its claims say that requests pause."""
    worker.look_after_the_store(lambda: "delete _retouch/probe" in worker.outside.store.acts)
    worker.ledger.worker.pause(PauseCause.STORE, "why", probe_every_ms=0)
    worker.hear_of_a_pause()
    worker.later(ABANDONED_MS + 1)
    worker.look_after_the_store(lambda: worker.pauses() == {})


def test_a_pause_that_another_worker_confirms_is_left_to_it(worker: Worker) -> None:
    """The credentials of that one may be wrong while those of this one are right: it would begin the pause again."""
    worker.look_after_the_store(lambda: "delete _retouch/probe" in worker.outside.store.acts)
    worker.ledger.worker.pause(PauseCause.STORE, "why", probe_every_ms=0)
    worker.hear_of_a_pause()
    worker.later(ABANDONED_MS)
    asked: list[int | None] = []
    confirmed_ms = worker.ledger.reader.confirmed_ms

    def counted(cause: PauseCause) -> int | None:
        asked.append(confirmed_ms(cause))
        return asked[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker.ledger.reader, "confirmed_ms", counted)
        worker.look_after_the_store(lambda: len(asked) > 1)
    assert asked[0] == ABANDONED_MS
    assert set(worker.pauses()) == {"store"}


@pytest.mark.parametrize(("status", "state"), [(Status.RUNNING, "copying"), (Status.FAILURE, "failed")])
def test_an_edit_being_copied_is_taken_at_its_last_word(worker: Worker, status: Status, state: str) -> None:
    """An API that goes back to running is polled on; one that reports a failure now has failed it."""
    worker.enqueue()
    trouble(worker, UnreachableResultError("why"))
    worker.submit(success(A))
    worker.later(RETRY_MS)
    worker.poll(Answer(status, "p1", (), "bad"))
    assert worker.seen()["state"] == state


def test_the_deadline_of_an_edit_that_finished_at_once_is_kept(worker: Worker) -> None:
    """How long its images are waited for is counted from it."""
    worker.enqueue()
    trouble(worker, UnreachableResultError("why"))
    worker.submit(success(A))
    deadline = int(worker.stored(worker.keys.edit("b/c0"), "deadline"))
    assert deadline == worker.clock.now + DEADLINE_S * 1000
