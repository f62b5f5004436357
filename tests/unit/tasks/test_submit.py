"""What becomes of an edit by how its submit ends: in the ledger, on the clock, and for all workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from retouch.causes import PauseCause
from retouch.errors import (
    AccountRefusedError,
    AmbiguousError,
    InputError,
    NotSentError,
    RefusedError,
    StoreRefusedError,
    StoreUnavailableError,
    ThrottledError,
    UnavailableError,
)
from retouch.ledger import Step
from retouch.provider.answers import Answer, Status
from tests.unit.worker_stage import DEADLINE_S, Worker

URL = "https://results.test/a.png"
RUNNING = Answer(Status.RUNNING, "p1", (), None)
# With every random number at 0.5 the first retry comes after three quarters of 0.5 s, the first poll after 1 s.
RETRY_MS, POLL_MS = 375, 1000
QUEUED = {"state": "queued", "due": RETRY_MS, "tries": 1, "note": "why"}
TROUBLED = {"troubles": 1}


def paused(cause: str, ms: int) -> dict[str, Any]:
    """A pause in force whose first probe comes after so many ms."""
    return {"pauses": {cause: ms}}


OUTCOMES = {
    "success": (Answer(Status.SUCCESS, "p1", (URL,), None), {"state": "completed", "submits": 1, "images": 1}),
    "success without an id": (
        Answer(Status.SUCCESS, None, (URL,), None),
        {"state": "completed", "submits": 1, "images": 1},
    ),
    "success without an image": (
        Answer(Status.SUCCESS, "p1", (), None),
        {"state": "waiting", "due": POLL_MS, "submits": 1},
    ),
    "success without an image and an id": (
        Answer(Status.SUCCESS, None, (), None),
        {"state": "failed", "submits": 1, "error": "empty_result"},
    ),
    "running": (RUNNING, {"state": "waiting", "due": POLL_MS, "submits": 1}),
    "failure": (Answer(Status.FAILURE, "p1", (), "bad"), {"state": "failed", "submits": 1, "error": "failure"}),
    "refused": (RefusedError("why"), {"state": "failed", "submits": 1, "error": "refused"}),
    "ambiguous": (
        AmbiguousError("why"),
        {"state": "submitting", "due": RETRY_MS, "tries": 1, "note": "why", "submits": 1} | TROUBLED,
    ),
    "unwilling": (AccountRefusedError("why"), QUEUED | paused("api", 10_000)),
    "unwilling, asks for 60 s": (AccountRefusedError("why", 60.0), QUEUED | paused("api", 60_000)),
    "throttled": (ThrottledError("why"), QUEUED | paused("throttled", 1000)),
    "throttled for no time": (ThrottledError("why", 0.0), QUEUED | paused("throttled", 100)),
    "throttled for 5 s": (ThrottledError("why", 5.0), QUEUED | paused("throttled", 5000)),
    "throttled for an hour": (ThrottledError("why", 3600.0), QUEUED | paused("throttled", 3_600_000)),
    "unavailable": (UnavailableError("why"), QUEUED | TROUBLED),
    "unavailable for 7 s": (UnavailableError("why", 7.0), QUEUED | paused("throttled", 7000)),
    "unavailable for no time": (UnavailableError("why", 0.0), QUEUED | paused("throttled", 100)),
    "not sent": (NotSentError("why"), QUEUED | TROUBLED),
}


@pytest.mark.parametrize(("outcome", "seen"), OUTCOMES.values(), ids=OUTCOMES)
def test_what_the_api_answers_decides(worker: Worker, outcome: Any, seen: dict[str, Any]) -> None:
    """State, delay, marks, pause and trouble after each outcome; the lease is ended and one POST was sent."""
    worker.enqueue()
    worker.submit(outcome)
    assert worker.seen() == seen
    assert [key for _, key in worker.api.posts] == ["b/c0/1"]
    assert worker.open_claims() == []


CAUSES = (PauseCause.REFUSED, PauseCause.THROTTLED, PauseCause.OUTAGE)
ENDED = [
    (RUNNING, set()),
    (RefusedError("why"), {"api"}),
    (Answer(Status.FAILURE, "p1", (), None), set()),
    (NotSentError("why"), set(CAUSES)),
    (AmbiguousError("why"), set(CAUSES)),
]


@pytest.mark.parametrize(("outcome", "left"), ENDED, ids=lambda value: type(value).__name__)
def test_a_probe_ends_the_pauses_that_its_answer_disproves(worker: Worker, outcome: Any, left: set[str]) -> None:
    """A definite answer proves that the API is there; only a taken edit proves that it takes them."""
    worker.enqueue()
    for cause in CAUSES[:2]:
        worker.ledger.worker.pause(cause, "before", probe_every_ms=1000)
    for _ in range(5):
        worker.ledger.worker.trouble("before", probe_every_ms=1000)
    worker.later(1000)
    worker.hear_of_a_pause()
    worker.submit(outcome)
    assert set(worker.pauses()) == left


def test_a_pause_of_after_the_request_stays(worker: Worker) -> None:
    """An answer proves nothing about what the API refused after that request was sent."""
    worker.enqueue()

    def refuse() -> None:
        worker.clock.now += 10
        worker.ledger.worker.pause(PauseCause.THROTTLED, "later", probe_every_ms=1000)
        worker.hear_of_a_pause()

    worker.api.meanwhile = refuse
    worker.submit(RUNNING)
    assert set(worker.pauses()) == {"throttled"}


def test_what_the_worker_paused_itself_is_ended_by_its_next_good_answer(worker: Worker) -> None:
    """Between two harvests the worker knows of its own pauses."""
    worker.enqueue()
    worker.submit(ThrottledError("why"))
    assert worker.knows_of_a_pause()
    worker.later(1000)
    worker.submit(RUNNING)
    assert worker.pauses() == {}


AGAIN = {
    "resubmit": ({}, {"state": "waiting", "due": POLL_MS, "submits": 2, "unanswered": 1, "duplicate": True}, 2),
    "hold": ({"on_ambiguous": "hold"}, {"state": "held", "tries": 1, "note": "sent, not answered"}, None),
    "idempotent": ({"api_idempotent": True}, {"state": "waiting", "due": POLL_MS, "submits": 1}, 1),
}


@pytest.mark.parametrize(("settings", "seen", "number"), AGAIN.values(), ids=AGAIN)
def test_an_unanswered_submit_goes_on_by_the_policy(
    make_worker: Callable[..., Worker], settings: dict[str, Any], seen: dict[str, Any], number: int | None
) -> None:
    """Sent again under a new number and marked, set aside, or sent again as the same purchase."""
    worker = make_worker(**settings)
    worker.enqueue()
    worker.submit(AmbiguousError("why"))
    worker.later(RETRY_MS)
    worker.submit(RUNNING)
    if number is None:
        seen = seen | {"submits": 1, "unanswered": 1, "troubles": 1}
    assert worker.seen() == seen
    assert [key for _, key in worker.api.posts] == ["b/c0/1", *([f"b/c0/{number}"] if number else [])]


def test_a_second_silence_ends_an_edit_that_is_sent_twice_at_most(worker: Worker) -> None:
    """Under resubmit money is risked twice; then a person looks."""
    worker.enqueue()
    for _ in range(2):
        worker.submit(AmbiguousError("why"))
        worker.later(30_000)
    worker.submit(RUNNING)
    assert worker.seen() == {
        "state": "failed", "submits": 2, "unanswered": 2, "duplicate": True, "error": "ambiguous", "troubles": 2
    }  # fmt: skip
    assert len(worker.api.posts) == 2


def test_an_edit_that_was_not_taken_keeps_its_number(worker: Worker) -> None:
    """The next POST is the same purchase, comes later each time, and success forgets the tries."""
    worker.enqueue()
    worker.submit(NotSentError("why"))
    worker.later(RETRY_MS)
    worker.submit(NotSentError("why"))
    assert worker.seen()["due"] == 2 * RETRY_MS
    worker.later(2 * RETRY_MS)
    worker.submit(RUNNING)
    assert [key for _, key in worker.api.posts] == ["b/c0/1"] * 3
    assert worker.seen() == {"state": "waiting", "due": POLL_MS, "submits": 1}


SIGNING = {
    "an address that cannot be signed": (
        InputError("why"),
        {"state": "failed", "error": "bad_init_image", "submits": 1},
    ),
    "the store is away": (StoreUnavailableError("why"), QUEUED),
    "the store is unwilling": (StoreRefusedError("why"), QUEUED),
}


@pytest.mark.parametrize(("error", "seen"), SIGNING.values(), ids=SIGNING)
def test_without_a_signed_link_nothing_is_sent(worker: Worker, error: Exception, seen: dict[str, Any]) -> None:
    """What can never be signed fails at once; trouble with the store puts the edit back, with no attempt used."""
    worker.enqueue({"init_image": "s3://bucket/a.png"})
    worker.outside.store.errors["sign"] = error
    worker.submit(RUNNING)
    assert worker.seen() == seen
    assert worker.api.posts == []


def test_a_signed_link_outlives_the_deadline(worker: Worker) -> None:
    """The API may fetch the image an hour after the last moment that counts."""
    worker.enqueue({"init_image": "s3://bucket/a.png", "extra": {"lora": "x", "prompt": "not this"}})
    worker.submit(RUNNING)
    [(payload, _)] = worker.api.posts
    assert payload["init_image"] == "https://bucket.test/signed"
    assert (payload["lora"], payload["prompt"], "extra" in payload) == ("x", "p", False)
    assert worker.outside.store.lifetimes == [DEADLINE_S + 3600]


def test_a_moment_that_is_over_sends_nothing(make_worker: Callable[..., Worker]) -> None:
    """It would break the rate limit: the edit is queued at once, for another moment."""
    worker = make_worker(rate_limit="10/s")
    worker.enqueue()
    claim = worker.one(Step.SUBMIT)
    worker.do([claim._replace(at_ms=worker.clock.now - 60_000)])
    assert worker.seen() == {"state": "queued"}
    assert worker.client.zscore(worker.keys.ready, "b/c0") is not None
    assert worker.api.posts == []


def test_a_claim_that_was_lost_before_sends_nothing(worker: Worker) -> None:
    """The intent is refused, and with it the POST."""
    worker.enqueue()
    claim = worker.one(Step.SUBMIT)
    worker.pass_by(claim)
    worker.do([claim])
    assert worker.api.posts == []
    assert worker.seen()["state"] == "submitting"


def test_a_lease_that_is_over_holds_the_post_back(worker: Worker) -> None:
    """Asked right before the body goes; nothing is written then, as the next claim is another worker's."""
    worker.enqueue()
    claim = worker.one(Step.SUBMIT)
    worker.api.meanwhile = lambda: worker.run_out(claim)
    worker.do([claim])
    assert worker.api.posts == []
    assert worker.seen() == {"state": "submitting", "due": 4000, "submits": 1}


@pytest.mark.parametrize("status", [Status.RUNNING, Status.SUCCESS, Status.FAILURE])
def test_an_answer_to_a_lost_claim_changes_nothing(worker: Worker, status: Status) -> None:
    """Neither the ledger nor the store hears of it, and the lease is let go."""
    worker.enqueue()
    claim = worker.one(Step.SUBMIT)
    worker.api.meanwhile = lambda: worker.pass_by(claim)
    worker.api.will(Answer(status, "p1", (URL,), None))
    worker.do([claim])
    assert worker.seen() == {"state": "submitting", "due": 4000, "submits": 1}
    assert (worker.outside.store.acts, worker.open_claims()) == ([], [])


def test_one_edit_that_crashes_its_step_spoils_no_other(worker: Worker) -> None:
    """The rest of the chunk goes on, and the crashed one's lease is let go to run out."""
    worker.fill(2)
    for name in ("c0", "c1"):
        text = '{"prompt": "p", "init_image": "https://images.test/a.png"}' if name == "c1" else '{"prompt": "p"}'
        worker.client.hset(worker.keys.edits("b"), name, text)
    worker.api.will(RUNNING)
    worker.do(worker.edits())
    assert worker.counts() == {"submitting": 1, "waiting": 1}
    assert worker.open_claims() == []


def test_how_long_the_api_has_is_counted_from_its_answer(worker: Worker) -> None:
    """The deadline, and the kind of work for what is learned."""
    worker.enqueue()
    worker.submit(RUNNING)
    raw = worker.client.hgetall(worker.keys.edit("b/c0"))
    assert int(raw["deadline"]) - worker.clock.now == DEADLINE_S * 1000
    assert raw["kind"]
    assert raw["provider_id"] == "p1"


def test_a_good_answer_ends_the_troubles_in_a_row(worker: Worker) -> None:
    """Five troubles make an outage only if no good answer lies between them."""
    worker.enqueue()
    for _ in range(4):
        worker.ledger.worker.trouble("503", probe_every_ms=1000)
    worker.submit(RUNNING)
    assert worker.ledger.reader.provider().troubles == 0


def test_the_fifth_trouble_is_an_outage(worker: Worker) -> None:
    """Its first probe comes after a second."""
    worker.enqueue()
    for _ in range(4):
        worker.ledger.worker.trouble("503", probe_every_ms=1000)
    worker.submit(UnavailableError("why"))
    assert worker.pauses() == {"outage": 1000}
    assert worker.knows_of_a_pause()


@pytest.mark.parametrize("outcome", [RUNNING, AmbiguousError("why")], ids=["answered", "silent"])
def test_a_message_that_comes_twice_sends_once(worker: Worker, outcome: Any) -> None:
    """While the first is at work, and after it: the broker delivers again what it heard no acknowledgement of."""
    worker.enqueue()
    worker.api.will(outcome, outcome, outcome)
    claim = worker.one(Step.SUBMIT)
    worker.do_twice([claim])
    worker.do([claim])
    assert [key for _, key in worker.api.posts] == ["b/c0/1"]
    assert "duplicate" not in worker.seen()
