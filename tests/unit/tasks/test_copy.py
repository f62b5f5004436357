"""What becomes of a finished edit by how its images are copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from retouch.errors import (
    BrokenResultError,
    GoneError,
    StoreRefusedError,
    StoreUnavailableError,
    UnreachableResultError,
)
from retouch.ledger import NOW
from retouch.provider.answers import Answer, Status
from tests.unit.worker_stage import DEADLINE_S, Worker

A, B = "https://results.test/a.png", "https://results.test/b.png"
# With every random number at 0.5: the first retry of a copy comes after 750 ms, then twice as long each time.
# One that was refused (gone, or broken) comes again after seven eighths of 1 s, and so on.
RETRY_MS, REFUSED_MS = 750, 875
DAY_MS = 24 * 3600 * 1000
COPYING = {"state": "copying", "submits": 1, "tries": 1, "note": "why", "due": RETRY_MS}
STRUCK = {"strikes": 1, "due": REFUSED_MS}
FETCH = "fetch:results.test"


def success(*urls: str, provider_id: str | None = "p1") -> Answer:
    """The API is done, and serves these links."""
    return Answer(Status.SUCCESS, provider_id, urls, None)


OUTCOMES = {
    "gone": (GoneError("why"), COPYING | STRUCK),
    "broken": (BrokenResultError("why"), COPYING | STRUCK),
    "unreachable": (UnreachableResultError("why"), COPYING),
    "store away": (StoreUnavailableError("why"), COPYING),
    "store unwilling": (StoreRefusedError("why"), COPYING),
}


def trouble(worker: Worker, error: Exception) -> None:
    """Let the copy of the first image fail so, by whoever raises such errors."""
    if isinstance(error, StoreUnavailableError | StoreRefusedError):
        worker.outside.store.errors["/0.png"] = error
    else:
        worker.outside.results.errors[A] = error


@pytest.mark.parametrize(("error", "seen"), OUTCOMES.values(), ids=OUTCOMES)
def test_a_copy_that_fails_is_tried_again(worker: Worker, error: Exception, seen: dict[str, Any]) -> None:
    """With a strike where the image may be to blame; one edit alone pauses nothing."""
    worker.enqueue()
    trouble(worker, error)
    worker.submit(success(A))
    assert worker.seen() == seen
    assert worker.open_claims() == []


CODES = {"gone": (GoneError("why"), "result_gone"), "broken": (BrokenResultError("why"), "broken_result")}


@pytest.mark.parametrize("witness", [True, False], ids=["others fetched", "nobody fetched"])
@pytest.mark.parametrize(("error", "code"), CODES.values(), ids=CODES)
def test_the_fifth_bad_image_fails_the_edit_while_others_are_fetched(
    make_worker: Callable[..., Worker], error: Exception, code: str, witness: bool
) -> None:
    """From the same host, over the patience; each try asks the API for the links anew. Alone, it is tried on."""
    worker = make_worker(patience=0.5)
    worker.enqueue()
    trouble(worker, error)
    worker.submit(success(A))
    for tries in range(2, 6):
        assert (worker.seen()["state"], worker.seen()["strikes"]) == ("copying", tries - 1)
        worker.later(1000)
        worker.ledger.worker.observe(good={FETCH if witness else "fetch:other.test": NOW})
        worker.poll(success(A))
    assert worker.seen().get("error") == (code if witness else None)
    assert worker.api.asked == ["p1"] * 4


@pytest.mark.parametrize(("error", "code"), CODES.values(), ids=CODES)
def test_a_bad_image_is_fetched_once_more_after_the_deadline(worker: Worker, error: Exception, code: str) -> None:
    """Whether others fare well or not: then the edit has ended."""
    worker.enqueue()
    trouble(worker, error)
    worker.submit(success(A))
    worker.later(int(DEADLINE_S * 1000))
    worker.poll(success(A))
    assert (worker.seen()["state"], worker.seen()["strikes"]) == ("copying", 2)
    worker.later(worker.seen()["due"])
    worker.poll(success(A))
    assert (worker.seen()["state"], worker.seen()["error"]) == ("failed", code)


def test_bad_images_are_fetched_less_and_less_often(worker: Worker) -> None:
    """A second, doubling to half a minute."""
    worker.enqueue()
    trouble(worker, GoneError("why"))
    worker.submit(success(A))
    delays = [worker.seen()["due"]]
    while len(delays) < 7:
        worker.later(delays[-1])
        worker.poll(success(A))
        delays.append(worker.seen()["due"])
        worker.client.hdel(worker.keys.edit("b/c0"), "deadline")  # not what this is about
    assert delays == [875, 1750, 3500, 7000, 14_000, 26_250, 26_250]


def test_a_copy_begun_anew_takes_the_new_link(worker: Worker) -> None:
    """A stale link is renewed by the next poll, and the image is kept."""
    worker.enqueue()
    trouble(worker, GoneError("why"))
    worker.submit(success(A))
    worker.later(REFUSED_MS)
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
    worker.client.hset(worker.keys.edit("b/c0"), mapping={"strikes": 4, "first_strike": 1, "tries": 7})
    worker.ledger.worker.observe(good={FETCH: NOW})
    trouble(worker, GoneError("why"))
    worker.later(1000)
    worker.poll(success(A))
    assert worker.seen() == COPYING | STRUCK


SAMPLES = {
    "all": ((A, B), None, {"state": "completed", "images": 2}),
    "too few": ((A,), None, {"state": "waiting", "due": 1000}),
    "none": ((), None, {"state": "waiting", "due": 1000}),
    "one unreachable": ((A, B), UnreachableResultError("why"), COPYING),
    "one gone": ((A, B), GoneError("why"), COPYING | STRUCK),
}


@pytest.mark.parametrize(("urls", "error", "seen"), SAMPLES.values(), ids=SAMPLES)
def test_all_samples_count(
    worker: Worker, urls: tuple[str, ...], error: Exception | None, seen: dict[str, Any]
) -> None:
    """Missing links are asked for again, as they may be late; trouble with one image is tried again."""
    worker.enqueue(samples=2)
    if error:
        worker.outside.results.errors[A] = error
    worker.submit(success(*urls))
    assert worker.seen() == {"submits": 1} | seen


def test_what_the_api_has_filtered_is_told_of_that_image(worker: Worker) -> None:
    """Of a submit that is answered with the images, of a poll, and of a copy that is begun anew."""
    answer = success(A, B)._replace(filtered=(False, True))
    worker.enqueue(samples=2)
    worker.submit(answer)
    worker.enqueue(batch="polled", samples=2)
    worker.submit(Answer(Status.RUNNING, "p1", (), None))
    worker.later(1000)
    trouble(worker, GoneError("why"))
    worker.poll(answer)
    worker.outside.results.errors.clear()
    worker.later(REFUSED_MS)
    worker.poll(answer)
    for batch in ("b", "polled"):
        [result] = worker.ledger.reader.results(batch)
        assert [output["filtered"] for output in result["outputs"]] == [False, True]
    stored = worker.client.hget(worker.keys.results("b"), "c0") or ""
    assert str(stored).count("filtered") == 1


def test_an_image_that_was_copied_is_a_witness_for_the_one_that_was_not(worker: Worker) -> None:
    """Of its host, and of the store: a result was kept."""
    worker.enqueue(samples=2)
    worker.outside.results.errors[A] = GoneError("why")
    worker.submit(success(A, B))
    assert set(worker.client.hgetall(worker.keys.worked)) == {"submit", "store", FETCH}


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


@pytest.mark.parametrize(("quiet_ms", "paused"), [(5001, True), (4000, False)], ids=["for long", "just now"])
def test_results_that_nobody_can_fetch_pause_submits(worker: Worker, quiet_ms: int, paused: bool) -> None:
    """Three tries of one edit, or three edits, when nothing was kept for five seconds: nothing more is paid for."""
    worker.enqueue()
    worker.ledger.worker.observe(good={"store": NOW})
    worker.clock.now += quiet_ms - 2 * RETRY_MS - RETRY_MS
    trouble(worker, UnreachableResultError("why"))
    worker.submit(success(A))
    for wait_ms in (RETRY_MS, 2 * RETRY_MS):
        worker.later(wait_ms)
        worker.poll(success(A))
    assert worker.probes() == ({"submit:store": 5000} if paused else {})


def test_a_store_that_takes_no_result_pauses_submits_until_it_takes_one(worker: Worker) -> None:
    """Three tries are enough, since nobody else is slow; the next result that is stored ends it."""
    worker.enqueue()
    trouble(worker, StoreUnavailableError("why"))
    worker.submit(success(A))
    for wait_ms in (RETRY_MS, 2 * RETRY_MS):
        worker.later(wait_ms)
        worker.poll(success(A))
    assert worker.pauses() == {"submit:store": "why"}
    worker.outside.store.errors.clear()
    worker.later(4 * RETRY_MS)
    worker.poll(success(A))
    assert worker.seen() == {"state": "completed", "submits": 1, "images": 1}


@pytest.mark.parametrize(("error", "good"), [(StoreRefusedError("why"), False), (UnreachableResultError("why"), True)])
def test_a_worker_whose_store_refuses_a_result_takes_nothing_on(worker: Worker, error: Exception, good: bool) -> None:
    """It would only pay for results that it cannot keep; a host of results that is away is not its store."""
    worker.enqueue()
    worker.context.store_watch.succeeded()
    trouble(worker, error)
    worker.submit(success(A))
    assert worker.context.store_watch.good is good


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
