"""The dispatcher: what it claims, how it sends it, and how it ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from config.celery import CHUNK, MAX_BACKLOG, QUEUE, queue_of
from retouch.errors import NotSentError, RefusedError
from retouch.ledger import Claim, Harvest, Step
from retouch.provider.answers import Answer
from tests.harness.waiting import LIMIT_S
from tests.ledger_bench import LEASE_MS
from tests.unit.worker_stage import SECRET, Worker
from workers import dispatcher
from workers.dispatcher import chunks


@pytest.fixture
def worker(make_worker: Callable[..., Worker]) -> Worker:
    """A worker that may have as much at the API as it likes, with a webhook."""
    return make_worker(max_in_flight=10_000, webhook_url="https://hooks.test/", webhook_secret=SECRET)


def fill(worker: Worker, count: int) -> None:
    """Enqueue so many edits, a batch for each page of them."""
    for number, first in enumerate(range(0, count, 500)):
        worker.fill(min(500, count - first), batch=f"b{number}")


def test_nothing_of_a_harvest_is_dropped(worker: Worker) -> None:
    """2 chunks and 7 claims arrive whole, in messages of at most a chunk, each claim once."""
    count = 2 * CHUNK + 7
    fill(worker, count)
    worker.dispatch(lambda: len(worker.sent()) >= count)
    assert len({claim.member for claim in worker.sent()}) == len(worker.sent()) == count
    assert [len(claims) for _, claims in worker.messages] == [CHUNK, CHUNK, 7]


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, CHUNK + 1])
def test_the_remainder_of_a_chunk_is_sent(worker: Worker, count: int) -> None:
    """Around a whole chunk nothing is missing either."""
    fill(worker, count)
    worker.dispatch(lambda: len(worker.sent()) >= count)
    assert len(worker.sent()) == count


def test_a_message_is_of_one_step(worker: Worker) -> None:
    """Each goes to its step's task: polls, a batch's end, and deliveries."""
    worker.show()
    worker.at_the_api(2, delay_ms=3000)
    worker.fill(1, batch="ended")
    worker.run_to_completion()
    worker.clock.now += 3000
    worker.dispatch(lambda: {step for step, _ in worker.messages} >= {Step.POLL, Step.FINISH, Step.ANNOUNCE})
    assert all(claim.step is step for step, claims in worker.messages for claim in claims)
    assert Counter(claim.step for claim in worker.sent())[Step.FINISH] == 1


def test_a_broker_in_trouble_costs_the_chunk_alone(worker: Worker) -> None:
    """The other chunks of the harvest are still sent, and the next harvest is too."""
    fill(worker, 2 * CHUNK + 7)
    worker.send_errors = [ConnectionError("away")]
    worker.dispatch(lambda: len(worker.sent()) >= CHUNK + 7)
    assert [len(claims) for _, claims in worker.messages] == [CHUNK, 7]


@pytest.mark.parametrize(("waiting", "claims"), [(MAX_BACKLOG - 1, True), (MAX_BACKLOG, False), (50, False)])
def test_a_full_broker_is_given_nothing_more(worker: Worker, waiting: int, claims: bool) -> None:
    """What waits there is under a lease that runs."""
    fill(worker, 3)
    worker.waiting_messages = waiting
    worker.dispatch(lambda: bool(worker.messages) or worker.looks > 5)
    assert bool(worker.sent()) is claims


@pytest.mark.parametrize("paused", [True, False])
def test_whether_requests_pause_is_known_from_the_harvest(worker: Worker, paused: bool) -> None:
    """Another worker may have paused them, or ended the pause."""
    if paused:
        worker.throttle(60_000)
    else:
        worker.put_pause("submit:throttled", ends=worker.clock.now + 60_000)
        worker.context.pauses.see(worker.claim(submits=0).pauses)
        worker.ledger.worker.resume("submit:throttled")
    worker.dispatch(lambda: worker.looks > 1)
    assert worker.knows_of() == ({"submit:throttled"} if paused else set())
    assert worker.context.pauses.may_send("submit") is not paused


def test_only_deliveries_to_its_own_sinks_are_claimed(worker: Worker) -> None:
    """Those of another worker's sink are left to it."""
    [own] = worker.sinks
    worker.show()
    worker.show("webhook-other", name="other")
    worker.fill(3)
    worker.end(worker.ledger.worker.claim("x", lease_ms=LEASE_MS, places=9).claims)
    worker.dispatch(lambda: sum(claim.step is Step.ANNOUNCE for claim in worker.sent()) >= 3)
    assert {claim.sink for claim in worker.sent() if claim.step is Step.ANNOUNCE} == {own}


def test_a_message_of_deliveries_is_of_one_sink() -> None:
    """Each sink's go to its own queue, which only its workers read."""
    claims = [Claim(f"webhook-{n % 2}/1-{n}", 1, Step.ANNOUNCE) for n in range(4)]
    told = [(step, [claim.stream_id for claim in chunk]) for step, chunk in chunks(claims)]
    assert told == [(Step.ANNOUNCE, ["1-0", "1-2"]), (Step.ANNOUNCE, ["1-1", "1-3"])]
    assert [queue_of(claim) for claim in claims[:2]] == [f"{QUEUE}.webhook-0", f"{QUEUE}.webhook-1"]


def test_a_worker_that_cannot_store_takes_no_edits_on(worker: Worker) -> None:
    """Neither submits nor polls: another worker may be able to keep their results. Deliveries go on."""
    worker.show()
    worker.at_the_api(1, of=2)
    worker.fill(1, batch="ended")
    worker.end([c for c in worker.edits() if c.member.startswith("ended")])
    worker.later(LEASE_MS + 1)
    worker.dispatch(lambda: Step.ANNOUNCE in {step for step, _ in worker.messages}, can_store=False)
    assert {step for step, _ in worker.messages} == {Step.ANNOUNCE}


def test_a_worker_that_can_store_again_takes_edits_on(worker: Worker) -> None:
    """With the next claim."""
    fill(worker, 3)

    def mended() -> bool:
        if worker.looks == 5:
            worker.context.store_watch.succeeded()
        return bool(worker.messages)

    worker.dispatch(mended, can_store=False)
    assert len(worker.sent()) == 3


# --- the first look at the API, and what is asked in an outage --------------------------------------


def test_the_api_is_asked_once_before_anything_is_claimed(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the status of no edit: a wrong address is said before the first submit."""
    monkeypatch.setattr(dispatcher, "LOOK_S", LIMIT_S)
    fill(worker, 3)
    claimed: list[int] = []
    worker.api.meanwhile = lambda: claimed.append(len(worker.sent()))
    worker.api.unknown = RefusedError("404 Not Found")
    with capture_logs() as logs:
        worker.dispatch(lambda: bool(worker.messages))
    assert claimed == [0]
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["api.looks_wrong"]
    assert (len(worker.sent()), len(worker.api.looks)) == (3, 1)


def test_an_api_that_does_not_answer_holds_the_first_claim_up_for_seconds_at_most(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it would say comes too late; submits find out."""
    monkeypatch.setattr("workers.dispatcher.LOOK_S", 0.01)

    async def hang(*_: object) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(worker.api, "status", hang)
    fill(worker, 3)
    worker.dispatch(lambda: bool(worker.messages))
    assert len(worker.sent()) == 3


def test_the_first_look_keeps_to_the_rate_limit(make_worker: Callable[..., Worker]) -> None:
    """It has a slot of its own, and waits for one."""
    worker = make_worker(rate_limit="10/s")
    worker.fill(1)
    worker.client.hset(worker.keys.state, "slot", worker.clock.now + 350)

    def turn() -> bool:
        worker.clock.now += 1
        return bool(worker.messages)

    asked: list[int] = []
    began = worker.clock.now
    worker.api.meanwhile = lambda: asked.append(worker.clock.now - began)
    worker.dispatch(turn)
    assert len(asked) == 1
    assert asked[0] >= 350 - 60 - 250


@pytest.mark.parametrize("name", ["status:throttled", "status:outage", "submit:person"])
def test_where_requests_pause_already_nobody_is_held_up_by_the_first_look(worker: Worker, name: str) -> None:
    """What is wrong is known."""
    worker.put_pause(name, until=worker.clock.now + 60_000)
    worker.dispatch(lambda: worker.looks > 2)
    assert worker.looks > 2
    assert len(worker.api.looks) == (0 if name == "status:throttled" else 1)


def test_in_an_outage_of_submits_the_api_is_asked_whether_it_is_back(worker: Worker) -> None:
    """By each probe, at no cost; and the answer lets one edit try."""
    fill(worker, 3)
    worker.fail("submit")
    worker.api.unknown = NotSentError("no connection")

    def turn() -> bool:
        worker.clock.now += 100
        if len(worker.api.looks) > 1:
            worker.api.unknown = RefusedError("404", definite=True)
        return bool(worker.messages)

    began = worker.clock.now
    worker.dispatch(turn)
    assert len(worker.sent()) == 1
    assert len(worker.api.looks) > 2
    assert worker.clock.now - began < 15_000  # after that a submit would try without an answer


def test_no_more_is_claimed_than_there_is_room_for(worker: Worker) -> None:
    """A process that is full leaves the work to others."""
    fill(worker, 10)
    worker.fill_up(but=3)
    worker.dispatch(lambda: bool(worker.messages))
    assert len(worker.messages[0][1]) == 3


def test_no_more_deliveries_are_claimed_than_there_is_room_for(worker: Worker) -> None:
    """Their room is their own: a slow webhook takes none from the edits."""
    worker.show()
    worker.fill(10)
    worker.run_to_completion()
    worker.fill_up(but=4, deliveries=True)
    worker.dispatch(lambda: any(step is Step.ANNOUNCE for step, _ in worker.messages))
    assert next(len(claims) for step, claims in worker.messages if step is Step.ANNOUNCE) == 4


def test_a_sink_without_room_takes_none_from_another(make_worker: Callable[..., Worker]) -> None:
    """A receiver that does not answer holds what it has; the other sink's deliveries are claimed."""
    worker = make_worker(
        webhook_url="https://hooks.test/", webhook_secret=SECRET, sinks="https://other.test/?name=other"
    )
    worker.show()
    worker.fill(10)
    worker.run_to_completion()
    worker.fill_up(but=0, deliveries=True)
    worker.dispatch(lambda: any(step is Step.ANNOUNCE for step, _ in worker.messages))
    assert {claim.sink for claim in worker.sent() if claim.step is Step.ANNOUNCE} == {"other"}


def test_deliveries_to_the_sinks_of_batches_go_to_one_queue() -> None:
    """Every worker reads it: none of them has such a sink in its settings."""
    claims = [Claim(f"notify:{batch}/1-1", 1, Step.ANNOUNCE) for batch in ("a", "b")]
    assert [queue_of(claim) for claim in claims] == [f"{QUEUE}.notify"] * 2


def test_no_more_is_at_the_api_than_has_a_place(make_worker: Callable[..., Worker]) -> None:
    """The setting for places reaches the claim."""
    worker = make_worker(max_in_flight=2)
    worker.fill(5)
    worker.dispatch(lambda: worker.looks > 2)
    assert len(worker.sent()) == 2


def test_a_claim_has_the_lease_of_the_settings(make_worker: Callable[..., Worker]) -> None:
    """So long it is this worker's alone."""
    worker = make_worker(lease=9)
    worker.fill(1)
    worker.dispatch(lambda: bool(worker.messages))
    assert worker.due_in("b/c0") == 9000


@pytest.mark.parametrize(("on_ambiguous", "claimed"), [("hold", True), ("resubmit", False)])
def test_the_policy_for_ambiguous_edits_reaches_the_claim(
    make_worker: Callable[..., Worker], on_ambiguous: str, claimed: bool
) -> None:
    """Under hold a sent and unanswered edit is only set aside, so it is claimed in a pause; else it would be sent."""
    worker = make_worker(on_ambiguous=on_ambiguous)
    worker.fill(1)
    worker.intend(worker.edits())
    worker.later(LEASE_MS + 1)
    worker.ledger.worker.pause("submit:person", "wait")
    worker.dispatch(lambda: bool(worker.messages) or worker.looks > 5)
    assert bool(worker.sent()) is claimed


def test_what_is_being_claimed_when_it_ends_is_still_sent(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A harvest that nobody sends would wait for its lease; and nothing is claimed after that."""
    fill(worker, 3)
    claim, harvests = worker.ledger.worker.claim, 0

    def ends_meanwhile(*args: object, **limits: object) -> Harvest:
        nonlocal harvests
        if "ask" in limits:  # the first look, which claims nothing
            return claim(*args, **limits)  # type: ignore[arg-type]
        harvests += 1
        worker.dispatcher.end()
        return claim(*args, **limits)  # type: ignore[arg-type]

    monkeypatch.setattr(worker.ledger.worker, "claim", ends_meanwhile)
    worker.dispatch(lambda: bool(worker.messages))
    assert (len(worker.sent()), harvests) == (3, 1)


def test_it_may_end_before_it_begins(worker: Worker) -> None:
    """While the store is not known to be good, nothing is claimed."""
    fill(worker, 3)
    worker.dispatch(lambda: worker.gate.asked > 3, may_begin=False)
    assert (worker.sent(), worker.looks) == ([], 0)
    assert worker.counts("b0") == {"queued": 3}


def test_claims_carry_their_moment(make_worker: Callable[..., Worker]) -> None:
    """The rate limit reaches the claim, and each claim's moment the message."""
    worker = make_worker(rate_limit="10/s")
    worker.fill(2)

    def turn() -> bool:
        worker.clock.now += 100
        return len(worker.sent()) >= 2

    worker.dispatch(turn)
    first, second = worker.sent()
    assert second.at_ms - first.at_ms >= 100
