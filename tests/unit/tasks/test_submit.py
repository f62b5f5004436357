"""What becomes of an edit by how its submit ends: in the ledger, on the clock, and for all workers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from retouch.errors import (
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
from retouch.price import Price
from retouch.provider.answers import Answer, Status
from tests.unit.worker_stage import DEADLINE_S, Worker

URL = "https://results.test/a.png"
RUNNING = Answer(Status.RUNNING, "p1", (), None)
# With every random number in the middle: the first retry comes after three quarters of 0.5 s, the first poll after 1 s,
# an edit that was refused after seven eighths of 1 s, and one that was answered with an error after as much of 5 s.
RETRY_MS, POLL_MS, REFUSED_MS, ERROR_MS = 375, 1000, 875, 4375
DAY_MS = 86_400_000
IMAGE = {"init_image": "s3://bucket/a.png"}
QUEUED = {"state": "queued", "due": RETRY_MS, "tries": 1, "note": "why"}
REFUSED = {"state": "queued", "due": REFUSED_MS, "strikes": 1, "note": "why"}
WAITING = {"state": "waiting", "due": POLL_MS, "submits": 1}
UNANSWERED = {"state": "submitting", "due": RETRY_MS, "tries": 1, "note": "why", "submits": 1, "troubles": 1}
FAILED = {"state": "failed", "submits": 1}
COMPLETED = {"state": "completed", "submits": 1, "images": 1}
TROUBLED = {"troubles": 1}


def throttled(ms: int) -> dict[str, Any]:
    """Submits pause for so long, and the edit waits as long."""
    return QUEUED | {"due": max(RETRY_MS, ms), "pauses": {"submit:throttled": ms}}


OUTCOMES = {
    "success": (Answer(Status.SUCCESS, "p1", (URL,), None), COMPLETED),
    "success without an id": (Answer(Status.SUCCESS, None, (URL,), None), COMPLETED),
    "success without an image": (Answer(Status.SUCCESS, "p1", (), None), WAITING),
    "success with neither": (Answer(Status.SUCCESS, None, (), None), FAILED | {"error": "empty_result"}),
    "running": (RUNNING, WAITING),
    "running, in a word of its own": (
        Answer(Status.RUNNING, "p1", (), None, "DREAMING"),
        WAITING | {"note": "the API says 'DREAMING'"},
    ),
    "failure": (Answer(Status.FAILURE, "p1", (), "bad"), FAILED | {"error": "failure"}),
    "failure without an id": (Answer(Status.FAILURE, None, (), "bad"), FAILED | {"error": "failure"}),
    "refused": (RefusedError("why"), REFUSED),
    "refused, asks for 60 s": (RefusedError("why", 60.0), REFUSED | {"due": 60_000}),
    "refused, asks for an hour": (RefusedError("why", 3600.0), REFUSED | {"due": 600_000}),
    "refused for what it is": (RefusedError("why", definite=True), FAILED | {"error": "refused"}),
    "refused, as if sent before": (RefusedError("why", pending=True), REFUSED),
    "ambiguous": (AmbiguousError("why"), UNANSWERED),
    "answered with an error": (AmbiguousError("why", answered=True), UNANSWERED | {"due": ERROR_MS}),
    "throttled": (ThrottledError("why"), throttled(1000)),
    "throttled for no time": (ThrottledError("why", 0.0), throttled(100)),
    "throttled for 5 s": (ThrottledError("why", 5.0), throttled(5000)),
    "throttled for an hour": (ThrottledError("why", 3600.0), throttled(3_600_000)),
    "throttled for two days": (ThrottledError("why", 172_800.0), throttled(DAY_MS)),
    "unavailable": (UnavailableError("why"), QUEUED | TROUBLED),
    "unavailable for 7 s": (UnavailableError("why", 7.0), throttled(7000)),
    "unavailable for no time": (UnavailableError("why", 0.0), throttled(100)),
    "not sent": (NotSentError("why"), QUEUED | TROUBLED),
}


@pytest.mark.parametrize(("outcome", "seen"), OUTCOMES.values(), ids=OUTCOMES)
def test_what_the_api_answers_decides(worker: Worker, outcome: Any, seen: dict[str, Any]) -> None:
    """State, delay, marks, pause and trouble after each outcome; the lease is ended and one POST was sent."""
    worker.enqueue()
    worker.submit(outcome)
    assert worker.seen() == seen
    assert worker.api.submits == ["b/c0/1"]
    assert worker.open_claims() == []


COSTS = {"spent": ("success", "running", "failure"), "under way": ("ambiguous", "answered with an error")}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_the_api_answers_says_what_was_paid(worker: Worker, outcome: str) -> None:
    """What it took is spent, what it did not answer stays set aside, and the rest costs nothing."""
    worker.ledger.producer.set_price(Price(Decimal("0.5"), "USD"))
    worker.enqueue(samples=3)
    worker.submit(OUTCOMES[outcome][0])
    found = worker.ledger.reader.days()[0]
    sums = {"spent": found.spent, "under way": found.committed, "doubtful": found.doubtful}
    expected = [name for name, outcomes in COSTS.items() if outcome.startswith(outcomes)]
    assert {name: amount for name, amount in sums.items() if amount} == dict.fromkeys(expected, Decimal("1.5"))


def test_a_worker_heeds_its_daily_budget(make_worker: Callable[..., Worker]) -> None:
    """Nothing is sent beyond it, and the pause says so."""
    worker = make_worker(daily_budget="0.9")
    worker.ledger.producer.set_price(Price(Decimal("0.5"), "USD"))
    for batch in ("b", "other"):
        worker.enqueue(batch=batch)
    worker.api.will(RUNNING)
    worker.do(worker.edits())
    assert worker.api.submits == ["b/c0/1"]
    assert list(worker.pauses()) == ["submit:budget"]


def test_an_edit_that_was_not_taken_keeps_its_number(worker: Worker) -> None:
    """The next POST is the same purchase, comes later each time, and success forgets the tries."""
    worker.enqueue()
    worker.submit(NotSentError("why"))
    worker.later(RETRY_MS)
    worker.submit(NotSentError("why"))
    assert worker.seen()["due"] == 2 * RETRY_MS
    worker.later(2 * RETRY_MS)
    worker.submit(RUNNING)
    assert worker.api.submits == ["b/c0/1"] * 3
    assert worker.seen() == WAITING | {"troubles": 2}  # of status requests: none was answered since


def test_a_batch_of_a_name_that_was_used_before_has_keys_of_its_own(worker: Worker) -> None:
    """An API that honours keys would give it the results of the one that is gone, or refuse it."""
    for _ in range(2):
        worker.enqueue()
        worker.submit(RUNNING)
        worker.client.flushall()
    [first, second] = [key for _, key in worker.api.posts]
    assert first != second
    assert worker.api.submits == ["b/c0/1"] * 2


def test_a_batch_of_an_older_program_keeps_its_keys(worker: Worker) -> None:
    """What was sent under one and not answered is sent under it again."""
    worker.enqueue()
    worker.client.hdel(worker.keys.batch("b"), "made")
    worker.submit(RUNNING)
    assert [key for _, key in worker.api.posts] == ["b/c0/1"]


# --- before and after ------------------------------------------------------------------------------


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
    worker.ledger.producer.set_price(Price(Decimal("0.5"), "USD"))
    worker.enqueue(IMAGE)
    worker.outside.store.errors["sign"] = error
    worker.submit(RUNNING)
    assert worker.seen() == seen
    assert worker.ledger.reader.days()[0].used == 0
    assert worker.api.posts == []


def test_while_links_cannot_be_signed_the_others_are_sent(worker: Worker) -> None:
    """It is known before the intents are written: who needs a link has used no number, and is not marked."""
    worker.enqueue(IMAGE)
    worker.enqueue(batch="web")
    worker.outside.store.unsigned = "AWS credentials cannot be renewed: why"
    worker.outside.store.errors["sign"] = AssertionError("it is not even tried")
    worker.api.will(RUNNING)
    worker.do(worker.edits())
    assert worker.api.submits == ["web/c0/1"]
    assert worker.seen() == {"state": "queued", "due": 1000, "note": "AWS credentials cannot be renewed: why"}
    assert worker.open_claims() == []
    worker.outside.store.unsigned = ""
    del worker.outside.store.errors["sign"]
    worker.later(1000)
    worker.submit(RUNNING)
    assert worker.seen() == WAITING
    assert worker.api.submits == ["web/c0/1", "b/c0/1"]


def test_a_signed_link_outlives_the_deadline(worker: Worker) -> None:
    """The API may fetch the image an hour after the last moment that counts."""
    worker.enqueue(IMAGE | {"extra": {"lora": "x", "prompt": "not this"}})
    worker.submit(RUNNING)
    [(payload, _)] = worker.api.posts
    assert payload["init_image"] == "https://bucket.test/signed-1"
    assert (payload["lora"], payload["prompt"], "extra" in payload) == ("x", "p", False)
    assert worker.outside.store.lifetimes == [DEADLINE_S + 3600]


@pytest.mark.parametrize("early", [True, False], ids=["while it waited", "while it connected"])
def test_a_moment_that_is_over_sends_nothing(make_worker: Callable[..., Worker], early: bool) -> None:
    """It would break the rate limit: the edit is queued at once, for another moment."""
    worker = make_worker(rate_limit="10/s")
    worker.enqueue()
    claim = worker.one(Step.SUBMIT)._replace(at_ms=worker.clock.now)

    def late() -> None:
        worker.clock.now += 60_000

    if early:
        claim = claim._replace(at_ms=worker.clock.now - 60_000)
    else:
        worker.context.leases._lease_s = 100  # it is not the lease that runs out
        worker.api.meanwhile = late
    worker.do([claim])
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


@pytest.mark.parametrize(
    "outcome", [RUNNING, ThrottledError("why"), AmbiguousError("why")], ids=lambda o: type(o).__name__
)
def test_a_message_that_comes_twice_sends_nothing_twice(worker: Worker, outcome: Any) -> None:
    """The second finds the claim begun, or settled, and leaves the edit to its time."""
    worker.enqueue()
    worker.api.will(outcome, outcome)
    claim = worker.one(Step.SUBMIT)
    worker.do_twice([claim])
    seen = worker.seen()
    worker.do([claim])
    assert (worker.seen(), len(worker.api.posts)) == (seen, 1)


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
