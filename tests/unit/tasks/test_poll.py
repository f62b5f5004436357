"""What becomes of an edit by how its poll ends: in the ledger, on the clock, and for all workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from retouch.causes import PauseCause
from retouch.errors import (
    AccountRefusedError,
    RefusedError,
    ThrottledError,
    UnavailableError,
    UnknownIdError,
)
from retouch.ledger import Step
from retouch.provider.answers import Answer, Status
from tests.unit.worker_stage import DEADLINE_S, Worker

URL = "https://results.test/a.png"
RUNNING = Answer(Status.RUNNING, "p1", (), None)
SUCCESS = Answer(Status.SUCCESS, "p1", (URL,), None)
# With every random number at 0.5: the polls after the submit come 1, 1.5, 2.25 … s apart, the first retry after 375 ms.
FIRST_MS, SECOND_MS, THIRD_MS, RETRY_MS = 1000, 1500, 2250, 375
WAITING = {"state": "waiting", "submits": 1}
TRIED = WAITING | {"tries": 1, "note": "why", "due": RETRY_MS}


def at_the_api(worker: Worker) -> Worker:
    """An edit that the API has, whose first poll is due."""
    worker.enqueue()
    worker.submit(RUNNING)
    worker.later(FIRST_MS)
    return worker


OUTCOMES = {
    "running": (RUNNING, WAITING | {"polls": 1, "due": SECOND_MS}),
    "success": (SUCCESS, {"state": "completed", "submits": 1, "images": 1}),
    "success without an image": (
        Answer(Status.SUCCESS, "p1", (), None),
        WAITING | {"polls": 1, "note": "the API reports success, and 0 of 1 links", "due": SECOND_MS},
    ),
    "an unknown word": (
        Answer(Status.RUNNING, "p1", (), None, "Moderating"),
        WAITING | {"polls": 1, "note": "the API says 'Moderating'", "due": SECOND_MS},
    ),
    "failure": (Answer(Status.FAILURE, "p1", (), "bad"), {"state": "failed", "submits": 1, "error": "failure"}),
    "unknown id": (UnknownIdError("why"), WAITING | {"strikes": 1, "note": "why", "due": SECOND_MS}),
    "refused": (RefusedError("why"), WAITING | {"strikes": 1, "note": "why", "due": SECOND_MS}),
    "unwilling": (AccountRefusedError("why"), TRIED | {"due": 10_000, "pauses": {"api": 10_000}}),
    "throttled": (ThrottledError("why"), TRIED | {"pauses": {"throttled": 1000}}),
    "throttled for no time": (ThrottledError("why", 0.0), TRIED | {"pauses": {"throttled": 100}}),
    "throttled for 5 s": (ThrottledError("why", 5.0), TRIED | {"due": 5000, "pauses": {"throttled": 5000}}),
    "unavailable": (UnavailableError("why"), TRIED | {"troubles": 1}),
    "unavailable for 7 s": (UnavailableError("why", 7.0), TRIED | {"due": 7000, "pauses": {"throttled": 7000}}),
}


@pytest.mark.parametrize(("outcome", "seen"), OUTCOMES.values(), ids=OUTCOMES)
def test_what_the_api_answers_decides(worker: Worker, outcome: Any, seen: dict[str, Any]) -> None:
    """State, delay, marks, pause and trouble after each outcome; the lease is ended, and nothing is paid again."""
    at_the_api(worker).poll(outcome)
    assert worker.seen() == seen
    assert (worker.api.asked, len(worker.api.posts)) == (["p1"], 1)
    assert worker.open_claims() == []


ENDED = {
    "running": (RUNNING, {"api"}),
    "success": (SUCCESS, {"api"}),
    "failure": (Answer(Status.FAILURE, "p1", (), None), {"api"}),
    "unknown id": (UnknownIdError("404"), {"api"}),
    "refused": (RefusedError("400"), {"api"}),
    "unavailable": (UnavailableError("503"), {"api", "throttled", "outage"}),
}


@pytest.mark.parametrize(("outcome", "left"), ENDED.values(), ids=ENDED)
def test_a_probe_ends_the_pauses_that_its_answer_disproves(worker: Worker, outcome: Any, left: set[str]) -> None:
    """Any definite answer proves that the API is there; none to a poll proves that it takes edits."""
    at_the_api(worker)
    for cause in (PauseCause.REFUSED, PauseCause.THROTTLED):
        worker.ledger.worker.pause(cause, "before", probe_every_ms=1000)
    for _ in range(5):
        worker.ledger.worker.trouble("before", probe_every_ms=1000)
    worker.later(1000)
    worker.hear_of_a_pause()
    worker.poll(outcome)
    assert set(worker.pauses()) == left


def test_a_worker_that_knows_of_no_pause_asks_for_none_to_end(worker: Worker) -> None:
    """It would be one more call of the ledger for every poll."""
    at_the_api(worker)
    worker.ledger.worker.pause(PauseCause.THROTTLED, "before", probe_every_ms=1)
    worker.clock.now += 1000
    worker.poll(RUNNING)
    assert set(worker.pauses()) == {"throttled"}


@pytest.mark.parametrize("error", [UnknownIdError("why"), RefusedError("why")], ids=["unknown", "refused"])
def test_an_edit_that_the_api_does_not_know_three_times_is_lost(worker: Worker, error: Exception) -> None:
    """Two more polls first, each at the backoff's delay; then it fails."""
    at_the_api(worker)
    for strikes in (1, 2):
        worker.poll(error)
        assert (worker.seen()["strikes"], worker.seen()["due"]) == (strikes, SECOND_MS)
        worker.later(SECOND_MS)
    worker.poll(error)
    assert worker.seen() == {"state": "failed", "submits": 1, "error": "lost"}


def test_an_answer_in_between_forgets_strikes_and_tries(worker: Worker) -> None:
    """Three unknown ids in a row are meant; the number of polls goes on."""
    at_the_api(worker)
    worker.poll(UnknownIdError("why"))
    worker.later(SECOND_MS)
    worker.poll(UnavailableError("why"))
    worker.later(RETRY_MS)
    worker.poll(RUNNING)
    assert worker.seen() == WAITING | {"polls": 1, "due": SECOND_MS}
    worker.later(SECOND_MS)
    worker.poll(RUNNING)
    assert worker.seen() == WAITING | {"polls": 2, "due": THIRD_MS}


def test_troubles_in_a_row_are_tried_less_and_less_often(worker: Worker) -> None:
    """The second retry waits twice as long as the first."""
    at_the_api(worker)
    worker.poll(UnavailableError("why"))
    worker.later(RETRY_MS)
    worker.poll(UnavailableError("why"))
    assert worker.seen() == TRIED | {"tries": 2, "due": 2 * RETRY_MS, "troubles": 2}


def test_a_good_answer_ends_the_troubles_in_a_row(worker: Worker) -> None:
    """Edits that are polled well tell of no outage."""
    at_the_api(worker)
    for _ in range(4):
        worker.ledger.worker.trouble("503", probe_every_ms=1000)
    worker.poll(RUNNING)
    assert worker.ledger.reader.provider().troubles == 0


def test_a_result_ends_the_troubles_in_a_row(worker: Worker) -> None:
    """A finished edit is as good an answer as a running one."""
    at_the_api(worker)
    for _ in range(4):
        worker.ledger.worker.trouble("503", probe_every_ms=1000)
    worker.poll(SUCCESS)
    assert worker.ledger.reader.provider().troubles == 0


# --- how long until the next poll ------------------------------------------------------------------

BOUNDS = {
    "within": ({}, SECOND_MS),
    "not sooner than the least": ({"poll_min": 4, "poll_max": 8}, 4000),
    "not later than the most": ({"poll_min": 0.1, "poll_max": 0.5}, 500),
}


@pytest.mark.parametrize("outcome", [RUNNING, UnknownIdError("why")], ids=["running", "unknown id"])
@pytest.mark.parametrize(("settings", "due"), BOUNDS.values(), ids=BOUNDS)
def test_polls_keep_to_the_settings(
    make_worker: Callable[..., Worker], settings: dict[str, Any], due: int, outcome: Any
) -> None:
    """RETOUCH_POLL_MIN and RETOUCH_POLL_MAX hold after every answer that is no result."""
    worker = make_worker(**settings)
    worker.enqueue()
    worker.submit(RUNNING)
    worker.later(worker.seen()["due"])
    worker.poll(outcome)
    assert worker.seen()["due"] == due


@pytest.mark.parametrize("outcome", [RUNNING, UnknownIdError("why")], ids=["running", "unknown id"])
def test_the_last_poll_comes_at_the_deadline(worker: Worker, outcome: Any) -> None:
    """With 0.6 s left the edit is asked about once more right then."""
    at_the_api(worker)
    worker.later(int(DEADLINE_S * 1000) - FIRST_MS - 600)
    worker.poll(outcome)
    assert worker.seen()["due"] == 600


def test_the_first_poll_comes_at_the_deadline_at_the_latest(make_worker: Callable[..., Worker]) -> None:
    """Also where the deadline is shorter than the usual delay."""
    worker = make_worker(deadline=0.4)
    worker.enqueue()
    worker.submit(RUNNING)
    assert worker.seen()["due"] == 400


def test_an_unknown_id_after_the_deadline_is_polled_at_the_usual_delay(worker: Worker) -> None:
    """Nothing is left to keep to; three polls at once would call an edit lost that the API only mislaid."""
    at_the_api(worker)
    worker.later(int(DEADLINE_S * 1000))
    worker.poll(UnknownIdError("why"))
    assert worker.seen()["due"] == SECOND_MS


OVERDUE = {
    "running": (RUNNING, {"state": "failed", "submits": 1, "error": "deadline"}),
    "success": (SUCCESS, {"state": "completed", "submits": 1, "images": 1}),
    "unavailable": (UnavailableError("why"), TRIED | {"troubles": 1}),
}


@pytest.mark.parametrize(("outcome", "seen"), OVERDUE.values(), ids=OVERDUE)
def test_the_deadline_strikes_only_an_edit_that_still_runs(worker: Worker, outcome: Any, seen: dict[str, Any]) -> None:
    """What is finished is kept, and while the API cannot say how it is nothing is given up."""
    at_the_api(worker)
    worker.later(int(DEADLINE_S * 1000) - FIRST_MS)
    worker.poll(outcome)
    assert worker.seen() == seen


# --- claims ----------------------------------------------------------------------------------------


def test_a_moment_that_is_over_asks_nothing(make_worker: Callable[..., Worker]) -> None:
    """The edit is due at once, for another moment; no poll is counted."""
    worker = at_the_api(make_worker(rate_limit="10/s"))
    claim = worker.one(Step.POLL)
    worker.do([claim._replace(at_ms=worker.clock.now - 60_000)])
    assert worker.seen() == WAITING | {"due": 0}
    assert worker.api.asked == []


def test_a_claim_that_was_lost_before_asks_nothing(worker: Worker) -> None:
    """It is another worker's to poll."""
    at_the_api(worker)
    claim = worker.one(Step.POLL)
    worker.pass_by(claim)
    worker.do([claim])
    assert worker.api.asked == []


@pytest.mark.parametrize("outcome", [RUNNING, SUCCESS, UnknownIdError("why")], ids=["running", "success", "unknown"])
def test_an_answer_to_a_lost_claim_changes_nothing(worker: Worker, outcome: Any) -> None:
    """No image is copied for it, and its lease is let go, also where the claim was to go on."""
    at_the_api(worker)
    claim = worker.one(Step.POLL)
    worker.api.meanwhile = lambda: worker.pass_by(claim)
    worker.api.will(outcome)
    worker.do([claim])
    assert worker.seen() == WAITING | {"due": 4000}
    assert (worker.outside.store.acts, worker.open_claims()) == ([], [])


def test_a_claim_that_goes_on_keeps_its_lease_while_images_are_copied(worker: Worker) -> None:
    """Between the result and its copy the claim is still this worker's to renew."""
    at_the_api(worker)
    claim = worker.one(Step.POLL)
    held: list[bool] = []
    worker.outside.store.meanwhile = lambda _key: held.append(worker.holds(claim))
    worker.api.will(SUCCESS)
    worker.do([claim])
    assert held == [True]


def test_the_age_at_which_it_still_ran_is_kept_for_the_lesson(worker: Worker) -> None:
    """The next result teaches that it came after this poll."""
    at_the_api(worker).poll(RUNNING)
    assert int(worker.stored(worker.keys.edit("b/c0"), "seen")) == FIRST_MS
    worker.later(SECOND_MS)
    worker.poll(SUCCESS)
    [kind] = worker.ledger.reader.kinds()
    assert sum(worker.ledger.reader.learned(kind).values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("urls", "code", "images"), [((), "empty_result", 0), ((URL,), "partial_result", 1)])
def test_links_that_are_missing_are_asked_for_a_minute_long(
    worker: Worker, urls: tuple[str, ...], code: str, images: int
) -> None:
    """At the backoff's delays; after that it is what it is: nothing, or a part, which is kept."""
    worker.enqueue(samples=2)
    worker.submit(RUNNING)
    worker.later(FIRST_MS)
    first = worker.clock.now
    while worker.clock.now - first < 60_000:
        worker.poll(Answer(Status.SUCCESS, "p1", urls, None))
        assert worker.seen()["state"] == "waiting"
        worker.later(worker.seen()["due"])
    worker.poll(Answer(Status.SUCCESS, "p1", urls, None))
    seen = worker.seen()
    assert (seen["state"], seen["error"], seen.get("images", 0)) == ("failed", code, images)


def test_links_that_come_late_complete_the_edit(worker: Worker) -> None:
    """A word that takes back the success begins the minute anew."""
    worker.enqueue(samples=2)
    worker.submit(Answer(Status.SUCCESS, "p1", (), None))
    worker.later(FIRST_MS)
    worker.poll(RUNNING)
    assert not worker.client.hexists(worker.keys.edit("b/c0"), "incomplete")
    worker.later(SECOND_MS)
    worker.poll(Answer(Status.SUCCESS, "p1", (URL,), None))
    worker.later(worker.seen()["due"])
    worker.poll(Answer(Status.SUCCESS, "p1", (URL, URL), None))
    assert worker.seen() == {"state": "completed", "submits": 1, "images": 2}


def test_missing_links_are_asked_for_within_the_bounds_of_the_settings(make_worker: Callable[..., Worker]) -> None:
    """RETOUCH_POLL_MAX holds for every poll."""
    worker = at_the_api(make_worker(poll_max=0.5))
    worker.poll(Answer(Status.SUCCESS, "p1", (), None))
    assert worker.seen()["due"] == 500


def test_the_word_that_an_edit_ended_with_is_in_the_message_of_its_deadline(worker: Worker) -> None:
    """Nobody would find it otherwise."""
    at_the_api(worker)
    worker.later(int(DEADLINE_S * 1000))
    worker.poll(Answer(Status.RUNNING, "p1", (), None, "Moderating"))
    [result] = worker.ledger.reader.results("b")
    assert result["error"]["message"].endswith("; it says 'Moderating'")


def test_a_message_that_comes_twice_asks_once(worker: Worker) -> None:
    """Both would ask in the moment that the ledger gave to one."""
    at_the_api(worker)
    worker.api.will(RUNNING, RUNNING)
    claim = worker.one(Step.POLL)
    worker.do_twice([claim])
    worker.do([claim])
    assert worker.api.asked == ["p1"]
