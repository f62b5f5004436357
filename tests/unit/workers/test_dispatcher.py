"""The dispatcher: what it claims, how it sends it, and how it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from config.celery import CHUNK, MAX_BACKLOG
from retouch.causes import PauseCause
from retouch.ledger import Harvest, Step
from tests.ledger_bench import LEASE_MS
from tests.unit.worker_stage import Worker


@pytest.fixture
def worker(make_worker: Callable[..., Worker]) -> Worker:
    """A worker that may have as much at the API as it likes."""
    return make_worker(max_in_flight=10_000)


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
    worker.ledger.worker.see_worker("w", ["webhook"])
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
        worker.ledger.worker.pause(PauseCause.REFUSED, "401", probe_every_ms=10_000)
    worker.hear_of_a_pause(not paused)
    worker.dispatch(lambda: worker.looks > 1)
    assert worker.knows_of_a_pause() is paused


def test_no_more_is_claimed_than_there_is_room_for(worker: Worker) -> None:
    """A process that is full leaves the work to others."""
    fill(worker, 10)
    worker.fill_up(but=3)
    worker.dispatch(lambda: bool(worker.messages))
    assert len(worker.messages[0][1]) == 3


def test_no_more_deliveries_are_claimed_than_there_is_room_for(worker: Worker) -> None:
    """Their room is their own: a slow webhook takes none from the edits."""
    worker.ledger.worker.see_worker("w", ["webhook"])
    worker.fill(10)
    worker.run_to_completion()
    worker.fill_up(but=4, deliveries=True)
    worker.dispatch(lambda: any(step is Step.ANNOUNCE for step, _ in worker.messages))
    assert next(len(claims) for step, claims in worker.messages if step is Step.ANNOUNCE) == 4


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
    worker.ledger.worker.pause(PauseCause.REFUSED, "401", probe_every_ms=60_000)
    worker.dispatch(lambda: bool(worker.messages) or worker.looks > 5)
    assert bool(worker.sent()) is claimed


def test_what_is_being_claimed_when_it_ends_is_still_sent(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A harvest that nobody sends would wait for its lease; and nothing is claimed after that."""
    fill(worker, 3)
    claim, harvests = worker.ledger.worker.claim, 0

    def ends_meanwhile(*args: object, **limits: object) -> Harvest:
        nonlocal harvests
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
    worker.dispatch(lambda: len(worker.sent()) >= 2)
    first, second = worker.sent()
    assert second.at_ms - first.at_ms >= 100
