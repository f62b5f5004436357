"""What the answer to one submit means for others: pauses, their ends, and whose fault a refusal is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from retouch.errors import AmbiguousError, NotSentError, RefusedError, ThrottledError, UnavailableError
from retouch.ledger import NOW
from retouch.provider.answers import Answer, Status
from tests.unit.worker_stage import Worker

RUNNING = Answer(Status.RUNNING, "p1", (), None)
# With every random number in the middle: an edit that was refused comes again after seven eighths of 1 s.
RETRY_MS, POLL_MS, REFUSED_MS = 375, 1000, 875
QUEUED = {"state": "queued", "due": RETRY_MS, "tries": 1, "note": "why"}
REFUSED = {"state": "queued", "due": REFUSED_MS, "strikes": 1, "note": "why"}
WAITING = {"state": "waiting", "due": POLL_MS, "submits": 1}
CAUSES = {"submit:refused", "submit:throttled", "submit:outage"}
ENDED = {
    "running": (RUNNING, set()),
    "failure": (Answer(Status.FAILURE, "p1", (), None), set()),
    "refused": (RefusedError("why"), CAUSES - {"submit:throttled"}),
    "refused for what it is": (RefusedError("why", definite=True), {"submit:refused"}),
    "throttled": (ThrottledError("why"), CAUSES),
    "not sent": (NotSentError("why"), CAUSES),
    "ambiguous": (AmbiguousError("why"), CAUSES),
}


@pytest.mark.parametrize(("outcome", "left"), ENDED.values(), ids=ENDED)
def test_a_probe_ends_the_pauses_that_its_answer_disproves(worker: Worker, outcome: Any, left: set[str]) -> None:
    """A taken edit proves that all is well; an answer that does not ask to wait, that a Retry-After is over."""
    worker.enqueue()
    for cause in ("submit:refused", "submit:throttled"):
        worker.put_pause(cause)
    worker.put_pause("submit:outage", door=worker.clock.now + 1, forced=worker.clock.now + 60_000, forced_every=60_000)
    worker.clock.now += 10
    worker.submit(outcome)
    assert set(worker.pauses()) == left


def test_a_pause_of_after_the_request_stays(worker: Worker) -> None:
    """An answer proves nothing about what the API refused after that request was sent."""
    worker.enqueue()

    def refuse() -> None:
        worker.clock.now += 10
        worker.throttle(1000)

    worker.api.meanwhile = refuse
    worker.submit(RUNNING)
    assert set(worker.pauses()) == {"submit:throttled"}


def test_a_second_refusal_with_none_taken_in_between_pauses_submits(worker: Worker) -> None:
    """It may be the account: the edit does not fail, and is the probe, being the only one."""
    worker.enqueue()
    worker.submit(RefusedError("why"))
    worker.later(REFUSED_MS)
    worker.submit(RefusedError("no credit"))
    assert worker.seen() == REFUSED | {
        "strikes": 2, "note": "no credit", "due": 2 * REFUSED_MS, "pauses": {"submit:refused": 250}
    }  # fmt: skip
    worker.later(2 * REFUSED_MS)
    worker.submit(RUNNING)
    assert worker.seen() == WAITING


@pytest.mark.parametrize(("witness", "state"), [(True, "failed"), (False, "queued")])
def test_an_edit_that_is_refused_while_others_are_taken_fails(
    make_worker: Callable[..., Worker], witness: bool, state: str
) -> None:
    """Five times over the patience, with its words; without anybody who fares well it may be the account, and waits."""
    worker = make_worker(patience=0.5)
    worker.enqueue()
    for strikes in range(1, 6):
        if witness and strikes > 1:
            worker.ledger.worker.observe(good={"submit": NOW})
        worker.submit(RefusedError("no such model"))
        if strikes < 5:
            assert (worker.seen()["state"], worker.seen()["strikes"]) == ("queued", strikes)
            worker.later(3000)
    assert worker.seen()["state"] == state
    assert worker.seen().get("error") == ("refused" if witness else None)
    if witness:
        [result] = worker.ledger.reader.results("b")
        assert (result["error"]["message"], result["attempts"]) == ("no such model", 1)


def test_a_worker_with_a_wrong_key_fails_no_edit_while_others_fare_well(make_worker: Callable[..., Worker]) -> None:
    """The API says who asks is wrong, and nothing of the edit, however often."""
    worker = make_worker(patience=0.5)
    worker.enqueue()
    for strikes in range(1, 8):
        worker.submit(RefusedError("wrong key", caller=True))
        assert (worker.seen()["state"], worker.seen()["strikes"]) == ("queued", strikes)
        worker.later(60_000)
        worker.ledger.worker.observe(good={"submit": NOW})


def test_refusals_are_told_apart_less_and_less_often(worker: Worker) -> None:
    """A second, doubling to a minute; the number of the submit is used again each time."""
    worker.enqueue()
    delays = []
    for _ in range(8):
        worker.submit(RefusedError("why"))
        delays.append(worker.seen()["due"])
        worker.later(max(delays[-1], 60_000))
    assert delays == [875, 1750, 3500, 7000, 14_000, 28_000, 52_500, 52_500]
    assert set(worker.api.submits) == {"b/c0/1"}


def test_a_retry_after_that_this_worker_saw_holds_the_next_submit_back(worker: Worker) -> None:
    """Before the ledger tells it: the other edit of the chunk is queued at once, for after that time; polls go on."""
    worker.enqueue()
    worker.enqueue(batch="b2")
    worker.api.will(ThrottledError("why", 0.5))
    worker.do(worker.edits())
    assert worker.seen("b")["due"] == 500
    assert (worker.seen("b2")["state"], len(worker.api.posts)) == ("queued", 1)
    assert "tries" not in worker.seen("b2")
    assert not worker.context.pauses.may_send("submit")
    assert worker.context.pauses.may_send("status")
    worker.clock.now += 500
    assert worker.context.pauses.may_send("submit")


@pytest.mark.parametrize("answered", [True, False])
def test_a_retry_after_counts_with_any_error_of_the_server(worker: Worker, answered: bool) -> None:
    """A 500 or a 502 may have been taken, and asks all to wait all the same."""
    worker.enqueue()
    worker.submit(AmbiguousError("why", 5.0, answered=answered))
    assert worker.seen()["state"] == "submitting"
    assert worker.seen()["pauses"] == {"submit:throttled": 5000}
    assert not worker.context.pauses.may_send("submit")


def test_a_retry_after_of_polls_holds_no_submit_back(worker: Worker) -> None:
    """Each kind of request has its own."""
    worker.enqueue()
    worker.context.pauses.hold("status", 5.0)
    worker.submit(RUNNING)
    assert worker.seen() == WAITING


def test_an_edit_that_is_asked_to_wait_while_others_are_taken_waits_alone(worker: Worker) -> None:
    """Its second Retry-After binds nobody else, and it at most ten minutes."""
    worker.enqueue()
    worker.submit(ThrottledError("why", 1.0))
    worker.later(1000)
    worker.ledger.worker.observe(good={"submit": NOW})
    worker.submit(ThrottledError("why", 3600.0))
    assert worker.seen() == QUEUED | {"tries": 2, "due": 600_000}


def test_a_good_answer_ends_the_troubles_in_a_row(worker: Worker) -> None:
    """Five troubles make an outage only if no good answer lies between them."""
    worker.enqueue()
    worker.fail(times=4)
    worker.submit(RUNNING)
    assert worker.ledger.reader.provider().troubles == 0


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (UnavailableError("why"), {"submit:outage": 1000}),
        (AmbiguousError("why"), {"submit:outage": 1000}),
        (NotSentError("why"), {"submit:outage": 1000, "status:outage": 1000}),
    ],
    ids=["unavailable", "ambiguous", "not sent"],
)
def test_the_fifth_trouble_is_an_outage(worker: Worker, error: Exception, pauses: dict[str, int]) -> None:
    """Of submits alone, unless no connection was had at all; its first probe comes after a second."""
    worker.enqueue()
    worker.fail("submit", times=4)
    worker.fail("status", times=4)
    worker.submit(error)
    assert worker.probes() == pauses


@pytest.mark.parametrize(
    ("definite", "caller"), [(True, False), (False, False), (False, True)], ids=["edits", "nobody knows", "caller"]
)
def test_many_edits_refused_in_the_same_words_pause_their_batch(worker: Worker, definite: bool, caller: bool) -> None:
    """Twenty in a row, whatever numbers the words have; at once only where they are about the edits."""
    worker.fill(20)
    claims = worker.edits()
    for number in range(20):
        worker.client.hset(
            worker.keys.edits("b"), f"c{number}", json.dumps({"prompt": "p", "init_image": "https://images.test/a.png"})
        )
    words = [f"no model {n} for job-{n}" for n in range(20)]
    worker.api.will(*(RefusedError(each, definite=definite, caller=caller) for each in words))
    worker.do(claims)
    assert bool(worker.client.hget(worker.keys.batch("b"), "run")) is not caller
    view = worker.ledger.reader.batch("b")
    assert view
    assert [pause.cause for pause in view.paused] == (["refusals"] if definite else [])
