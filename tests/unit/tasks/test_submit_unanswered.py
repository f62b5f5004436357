"""Submits that were not answered, or with an error: sent again as the policy says, and under the same key or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from retouch.errors import AmbiguousError, NotSentError, RefusedError, ThrottledError, UnavailableError
from retouch.ledger import NOW
from retouch.provider.answers import Answer, Status
from tests.unit.worker_stage import DEADLINE_S, Worker

RUNNING = Answer(Status.RUNNING, "p1", (), None)
# With every random number in the middle: the first retry comes after three quarters of 0.5 s, the first poll after 1 s,
# and an edit that was answered with an error again after seven eighths of 5 s.
RETRY_MS, POLL_MS, ERROR_MS = 375, 1000, 4375
ALONE_MS = 15_000  # so long what may be paid for is not sent again, unless another is taken
IMAGE = {"init_image": "s3://bucket/a.png"}
WAITING = {"state": "waiting", "due": POLL_MS, "submits": 1}
AGAIN = {
    "resubmit": ({}, {"state": "waiting", "due": POLL_MS, "submits": 2, "unanswered": 1, "duplicate": True}, 2),
    "hold": ({"on_ambiguous": "hold"}, {"state": "held", "tries": 1, "note": "sent, not answered"}, None),
    "idempotent": ({"api_idempotent": True}, WAITING, 1),
}


@pytest.mark.parametrize(("settings", "seen", "number"), AGAIN.values(), ids=AGAIN)
def test_an_unanswered_submit_goes_on_by_the_policy(
    make_worker: Callable[..., Worker], settings: dict[str, Any], seen: dict[str, Any], number: int | None
) -> None:
    """Sent again under a new number and marked, set aside, or sent again as the same purchase."""
    worker = make_worker(**settings)
    worker.enqueue()
    worker.submit(AmbiguousError("why"))
    worker.later(ALONE_MS)
    worker.submit(RUNNING)
    if number is None:
        seen = seen | {"submits": 1, "unanswered": 1, "troubles": 1}
    assert worker.seen() == seen
    assert worker.api.submits == ["b/c0/1", *([f"b/c0/{number}"] if number else [])]


@pytest.mark.parametrize(("taken", "sent"), [(True, 2), (False, 1)])
@pytest.mark.parametrize("answered", [True, False])
def test_an_unanswered_submit_is_sent_again_once_another_is_taken(
    worker: Worker, answered: bool, taken: bool, sent: int
) -> None:
    """Or when that was waited for in vain: a second silence would end it, and the API may be away."""
    worker.enqueue()
    worker.submit(AmbiguousError("why", answered=answered))
    worker.later(ERROR_MS)
    if taken:
        worker.ledger.worker.observe(good={"submit": NOW})
    worker.api.will(RUNNING)
    if claims := worker.edits():
        worker.do(claims)
    assert len(worker.api.posts) == sent


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


def test_a_refusal_in_between_makes_a_second_silence_no_first_one(worker: Worker) -> None:
    """What was sent again after silence, and then was not taken, is sent once more: a third silence is not risked."""
    worker.enqueue()
    for error in (AmbiguousError("why"), UnavailableError("no GPU"), AmbiguousError("why")):
        worker.submit(error)
        worker.later(30_000)
    worker.submit(RUNNING)
    assert (worker.seen()["state"], worker.seen()["error"]) == ("failed", "ambiguous")
    assert len(worker.api.posts) == 3


@pytest.mark.parametrize("answer", [RUNNING, RefusedError("at work", pending=True)])
def test_an_answer_under_a_key_that_was_sent_before_ends_an_outage(
    make_worker: Callable[..., Worker], answer: Answer | RefusedError
) -> None:
    """It says nothing of how new edits fare, but the API is there; so does one that says that the first is at work."""
    worker = make_worker(api_idempotent=True)
    worker.enqueue()
    worker.submit(AmbiguousError("why"))
    assert worker.ledger.reader.provider().troubles == 1
    worker.later(ALONE_MS)
    worker.submit(answer)
    assert worker.ledger.reader.provider().troubles == 0
    assert not worker.client.hexists(worker.keys.worked, "submit")


@pytest.mark.parametrize("resubmits", [0, 1, 3])
def test_an_error_that_the_api_answers_is_sent_again_so_often(
    make_worker: Callable[..., Worker], resubmits: int
) -> None:
    """RETOUCH_RESUBMITS: later each time, marked; then it fails, and the message has the API's words."""
    worker = make_worker(resubmits=resubmits)
    worker.enqueue()
    delays = []
    for _ in range(resubmits + 1):
        worker.submit(AmbiguousError("out of memory", answered=True))
        delays.append(worker.seen()["due"])
        worker.later(max(delays[-1], ALONE_MS))
    worker.submit(RUNNING)
    assert delays == [ERROR_MS, 17_500, 70_000, 262_500][: resubmits + 1]
    assert (worker.seen()["error"], len(worker.api.posts)) == ("ambiguous", resubmits + 1)
    assert worker.seen().get("duplicate", False) is (resubmits > 0)
    [result] = worker.ledger.reader.results("b")
    assert "out of memory" in result["error"]["message"]


def test_an_error_and_a_silence_are_counted_apart(worker: Worker) -> None:
    """A silence after an error that was answered is the first one, and is sent again once; the second ends the edit."""
    worker.enqueue()
    for error in (AmbiguousError("500", answered=True), AmbiguousError("cut"), AmbiguousError("cut")):
        worker.submit(error)
        worker.later(30_000)
    worker.submit(RUNNING)
    assert (worker.seen()["error"], len(worker.api.posts)) == ("ambiguous", 3)


# --- an API that honours keys ----------------------------------------------------------------------


NOT_NOW = {
    "still at work": RefusedError("409: in progress", pending=True),
    "unavailable": UnavailableError("503"),
    "not sent": NotSentError("no connection"),
    "throttled": ThrottledError("429", 1.0),
}


@pytest.mark.parametrize("outcome", NOT_NOW.values(), ids=NOT_NOW)
def test_what_may_have_been_taken_under_a_key_is_sent_under_it_until_it_is_answered(
    make_worker: Callable[..., Worker], outcome: Exception
) -> None:
    """Key, intent and link stay, no strike is counted, and the body is the same each time."""
    worker = make_worker(api_idempotent=True)
    worker.enqueue(IMAGE)
    worker.submit(AmbiguousError("why"))
    key = worker.keys.edit("b/c0")
    sent_at = worker.stored(key, "sent_at")
    worker.later(RETRY_MS)
    worker.submit(outcome)
    seen = worker.seen()
    assert (seen["state"], seen["tries"], seen["submits"]) == ("submitting", 2, 1)
    assert "strikes" not in seen
    assert (worker.client.hexists(key, "intent"), worker.stored(key, "sent_at")) == (True, sent_at)
    worker.later(max(seen["due"], 1000))
    worker.submit(RUNNING)
    assert worker.seen()["state"] == "waiting"
    assert worker.api.submits == ["b/c0/1"] * 3
    assert {payload["init_image"] for payload, _ in worker.api.posts} == {"https://bucket.test/signed-1"}


def test_a_first_request_that_is_still_at_work_is_asked_for_every_minute_at_most(
    make_worker: Callable[..., Worker],
) -> None:
    """Twice the usual delay, up to 60 s (45 s with this chance)."""
    worker = make_worker(api_idempotent=True)
    worker.enqueue()
    worker.submit(AmbiguousError("why"))
    delays = []
    for _ in range(8):
        worker.later(60_000)
        worker.submit(RefusedError("409", pending=True))
        delays.append(worker.seen()["due"])
    assert delays == [1500, 3000, 6000, 12_000, 24_000, 45_000, 45_000, 45_000]
    assert worker.seen()["note"] == "not answered yet: 409"
    assert worker.pauses() == {}


@pytest.mark.parametrize("definite", [True, False])
def test_a_refusal_under_a_key_that_was_sent_before_forgets_nothing(
    make_worker: Callable[..., Worker], definite: bool
) -> None:
    """It may be a gateway's, or of a body that differs: what was sent first may be taken, and the key stays in use."""
    worker = make_worker(api_idempotent=True)
    worker.enqueue(IMAGE)
    worker.submit(AmbiguousError("why"))
    worker.later(RETRY_MS)
    worker.submit(RefusedError("no such model", definite=definite))
    seen = worker.seen()
    assert (seen["state"], seen["strikes"], seen["submits"]) == ("submitting", 1, 1)
    worker.ledger.worker.resume("submit:refused")
    worker.later(60_000)
    worker.submit(RUNNING)
    assert worker.api.submits == ["b/c0/1"] * 3
    assert {payload["init_image"] for payload, _ in worker.api.posts} == {"https://bucket.test/signed-1"}


def test_a_key_is_used_for_twelve_hours(make_worker: Callable[..., Worker]) -> None:
    """After that the API may have forgotten it: the edit is sent again by the other policy, under a new link."""
    worker = make_worker(api_idempotent=True)
    worker.enqueue(IMAGE)
    worker.submit(AmbiguousError("why"))
    worker.clock.now += 12 * 3600 * 1000 + 1
    worker.later(10_000)
    worker.submit(RUNNING)
    assert worker.seen()["state"] == "waiting"
    assert worker.seen()["duplicate"]
    assert [payload["init_image"][-1] for payload, _ in worker.api.posts] == ["1", "2"]
    assert worker.api.submits == ["b/c0/1", "b/c0/2"]
    assert worker.outside.store.lifetimes == [DEADLINE_S + 13 * 3600] * 2
