"""What becomes of an edit by how its poll ends: in the ledger, on the clock, and for all workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from retouch.errors import NotSentError, RefusedError, ThrottledError, UnavailableError
from retouch.ledger import NOW, Step
from retouch.provider.answers import Answer, Status
from tests.unit.tasks.polled import (
    FIRST_MS,
    REFUSED,
    REFUSED_MS,
    RETRY_MS,
    RUNNING,
    SECOND_MS,
    STRUCK,
    SUCCESS,
    THIRD_MS,
    TRIED,
    WAITING,
    at_the_api,
)
from tests.unit.worker_stage import Worker


def throttled(ms: int) -> dict[str, Any]:
    """Status requests pause for so long, and the edit waits as long."""
    return TRIED | {"due": max(RETRY_MS, ms), "pauses": {"status:throttled": ms}}


OUTCOMES = {
    "running": (RUNNING, WAITING | {"polls": 1, "due": SECOND_MS}),
    "running, in a word of its own": (
        Answer(Status.RUNNING, "p1", (), None, "DREAMING"),
        WAITING | {"polls": 1, "due": SECOND_MS, "note": "the API says 'DREAMING'"},
    ),
    "running, at a step": (
        RUNNING._replace(progress=(12, 30)),
        WAITING | {"polls": 1, "due": SECOND_MS, "note": "step 12 of 30 at its last poll"},
    ),
    "running, at a step, in a word of its own": (
        Answer(Status.RUNNING, "p1", (), None, "DREAMING", progress=(0, 1)),
        WAITING | {"polls": 1, "due": SECOND_MS, "note": "the API says 'DREAMING', step 0 of 1 at its last poll"},
    ),
    "success": (SUCCESS, {"state": "completed", "submits": 1, "images": 1}),
    "success without an image": (
        Answer(Status.SUCCESS, "p1", (), None),
        WAITING | {"polls": 1, "due": SECOND_MS, "note": "the API reports success, and 0 of 1 links"},
    ),
    "failure": (Answer(Status.FAILURE, "p1", (), "bad"), {"state": "failed", "submits": 1, "error": "failure"}),
    "refused": (REFUSED, STRUCK),
    "refused, by the API itself": (RefusedError("why", definite=True), STRUCK),
    "throttled": (ThrottledError("why"), throttled(1000)),
    "throttled for no time": (ThrottledError("why", 0.0), throttled(100)),
    "throttled for 5 s": (ThrottledError("why", 5.0), throttled(5000)),
    "throttled for two days": (ThrottledError("why", 172_800.0), throttled(86_400_000)),
    "unavailable": (UnavailableError("why"), TRIED | {"troubles": 1}),
    "unavailable for 7 s": (UnavailableError("why", 7.0), throttled(7000)),
    "not sent": (NotSentError("why"), TRIED | {"troubles": 1}),
}


@pytest.mark.parametrize(("outcome", "seen"), OUTCOMES.values(), ids=OUTCOMES)
def test_what_the_api_answers_decides(worker: Worker, outcome: Any, seen: dict[str, Any]) -> None:
    """State, delay, marks, pause and trouble after each outcome; the lease is ended, and nothing is paid again."""
    at_the_api(worker).poll(outcome)
    assert worker.seen() == seen
    assert (worker.api.asked, len(worker.api.posts)) == (["p1"], 1)
    assert worker.open_claims() == []


ALL = {"submit:refused", "submit:outage", "status:throttled", "status:outage"}
SUBMITS = {"submit:refused", "submit:outage"}
ENDED = {
    "running": (RUNNING, SUBMITS),
    "success": (SUCCESS, SUBMITS),
    "failure": (Answer(Status.FAILURE, "p1", (), None), SUBMITS),
    "refused": (RefusedError("404"), SUBMITS),
    "unavailable": (UnavailableError("503"), ALL),
    "throttled": (ThrottledError("429"), ALL),
    "not sent": (NotSentError("no connection"), ALL),
}


@pytest.mark.parametrize(("outcome", "left"), ENDED.values(), ids=ENDED)
def test_a_probe_ends_the_pauses_that_its_answer_disproves(worker: Worker, outcome: Any, left: set[str]) -> None:
    """Any answer ends the outage of status requests; none to a poll proves that the API takes edits."""
    at_the_api(worker)
    for name in ALL:
        worker.put_pause(name, door=0, forced=worker.clock.now + 60_000, forced_every=60_000)
    worker.clock.now += 10
    worker.poll(outcome)
    assert set(worker.pauses()) == left


@pytest.mark.parametrize(("outcome", "claimed"), [(RUNNING, 1), (RefusedError("404"), 1), (UnavailableError("503"), 0)])
def test_a_status_that_answers_opens_the_door_for_one_submit(worker: Worker, outcome: Any, claimed: int) -> None:
    """In an outage of submits a status costs nothing; where one is answered, one edit finds out about submits."""
    at_the_api(worker)
    worker.fill(3, batch="next")
    worker.fail("submit")
    worker.clock.now += 1000
    worker.api.will(outcome)
    harvest = worker.claim(submits=10)
    worker.do([c for c in harvest.claims if c.step is Step.POLL])
    assert [c.step for c in harvest.claims] == [Step.POLL]
    worker.clock.now += 2000
    assert [c.step for c in worker.edits(polls=0)] == [Step.SUBMIT] * claimed


@pytest.mark.parametrize("witness", [True, False], ids=["others are known", "nobody is known"])
def test_an_edit_that_the_api_does_not_know_while_it_knows_others_is_lost(
    make_worker: Callable[..., Worker], witness: bool
) -> None:
    """Five times over the patience; where it knows nobody it is asked on, until the deadline."""
    worker = at_the_api(make_worker(patience=0.5))
    for strikes in range(1, 6):
        worker.poll(REFUSED)
        if strikes < 5:
            assert (worker.seen()["state"], worker.seen()["strikes"]) == ("waiting", strikes)
            worker.later(1000)
            worker.ledger.worker.observe(good={"status" if witness else "submit": NOW})
    assert worker.seen().get("error") == ("lost" if witness else None)
    assert worker.pauses() == {}


def test_a_worker_with_a_wrong_key_loses_no_edit_while_others_fare_well(make_worker: Callable[..., Worker]) -> None:
    """The API says who asks is wrong, and nothing of the edit, however often."""
    worker = at_the_api(make_worker(patience=0.5, deadline=3600))
    for strikes in range(1, 8):
        worker.poll(RefusedError("wrong key", caller=True))
        assert (worker.seen()["state"], worker.seen()["strikes"]) == ("waiting", strikes)
        worker.later(30_000)
        worker.ledger.worker.observe(good={"status": NOW})


def test_refused_polls_come_less_and_less_often(make_worker: Callable[..., Worker]) -> None:
    """A second, doubling to half a minute; they pause nothing."""
    worker = at_the_api(make_worker(deadline=3600))
    delays = []
    for _ in range(7):
        worker.poll(REFUSED)
        delays.append(worker.seen()["due"])
        worker.later(delays[-1])
    assert delays == [875, 1750, 3500, 7000, 14_000, 26_250, 26_250]
    assert worker.pauses() == {}


def test_an_answer_in_between_forgets_strikes_and_tries(worker: Worker) -> None:
    """Refusals in a row are meant; the number of polls goes on."""
    at_the_api(worker)
    worker.poll(REFUSED)
    worker.later(REFUSED_MS)
    worker.poll(UnavailableError("why"))
    worker.later(RETRY_MS)
    worker.poll(RUNNING)
    assert worker.seen() == WAITING | {"polls": 1, "due": SECOND_MS}
    assert not worker.client.hexists(worker.keys.edit("b/c0"), "first_strike")
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
    worker.fail("status", times=4)
    worker.poll(RUNNING)
    assert worker.ledger.reader.provider().troubles == 0


def test_a_result_ends_the_troubles_in_a_row(worker: Worker) -> None:
    """A finished edit is as good an answer as a running one."""
    at_the_api(worker)
    worker.fail("status", times=4)
    worker.poll(SUCCESS)
    assert worker.ledger.reader.provider().troubles == 0


def test_the_seed_that_the_api_says_it_used_is_in_the_result(worker: Worker) -> None:
    """Of a poll, and of a submit that is answered with the images."""
    answer = SUCCESS._replace(seed=2**53 + 1)
    at_the_api(worker)
    worker.poll(answer)
    worker.enqueue(batch="at-once")
    worker.submit(answer)
    seeds = [result["seed"] for batch in ("b", "at-once") for result in worker.ledger.reader.results(batch)]
    assert seeds == [2**53 + 1] * 2


# --- claims ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("early", [True, False], ids=["while it waited", "while it connected"])
def test_a_moment_that_is_over_asks_nothing(make_worker: Callable[..., Worker], early: bool) -> None:
    """The edit is due at once, for another moment; no poll is counted."""
    worker = at_the_api(make_worker(rate_limit="10/s"))
    claim = worker.one(Step.POLL)._replace(at_ms=worker.clock.now)

    def late() -> None:
        worker.clock.now += 60_000

    if early:
        claim = claim._replace(at_ms=worker.clock.now - 60_000)
    else:
        worker.api.meanwhile = late
    worker.do([claim])
    assert worker.seen() == WAITING | {"due": 0}
    assert worker.api.asked == []


def test_a_retry_after_that_this_worker_saw_holds_the_next_poll_back(worker: Worker) -> None:
    """Before the ledger tells it: the other edit of the chunk is due at once, for after that time; submits go on."""
    for batch in ("b", "b2"):
        worker.enqueue(batch=batch)
    worker.api.will(RUNNING, RUNNING)
    worker.do(worker.edits())
    worker.later(FIRST_MS)
    worker.api.will(ThrottledError("why", 0.5))
    worker.do(worker.edits())
    assert worker.seen("b")["due"] == 500
    assert (worker.seen("b2")["due"], len(worker.api.asked)) == (0, 1)
    assert worker.context.pauses.may_send("submit")
    worker.clock.now += 500
    assert worker.context.pauses.may_send("status")


def test_a_refusal_that_asks_to_wait_puts_its_own_edit_off(worker: Worker) -> None:
    """A 404 with a Retry-After: this edit is asked about later, and no other waits for it."""
    at_the_api(worker)
    worker.poll(RefusedError("not yet", 9.0))
    assert (worker.seen()["due"], worker.seen().get("pauses")) == (9000, None)


def test_a_retry_after_of_submits_holds_no_poll_back(worker: Worker) -> None:
    """Each kind of request has its own."""
    at_the_api(worker)
    worker.context.pauses.hold("submit", 5.0)
    worker.poll(RUNNING)
    assert worker.seen() == WAITING | {"polls": 1, "due": SECOND_MS}


@pytest.mark.parametrize("outcome", [RUNNING, REFUSED, UnavailableError("why")], ids=lambda o: type(o).__name__)
def test_a_message_that_comes_twice_asks_once(worker: Worker, outcome: Any) -> None:
    """The second finds the claim begun, or settled, and leaves the edit to its time."""
    at_the_api(worker)
    worker.api.will(outcome, outcome)
    claim = worker.one(Step.POLL)
    worker.do_twice([claim])
    seen = worker.seen()
    worker.do([claim])
    assert (worker.seen(), worker.api.asked) == (seen, ["p1"])


def test_a_claim_that_was_lost_before_asks_nothing(worker: Worker) -> None:
    """It is another worker's to poll."""
    at_the_api(worker)
    claim = worker.one(Step.POLL)
    worker.pass_by(claim)
    worker.do([claim])
    assert worker.api.asked == []


@pytest.mark.parametrize("outcome", [RUNNING, SUCCESS, REFUSED], ids=["running", "success", "refused"])
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
