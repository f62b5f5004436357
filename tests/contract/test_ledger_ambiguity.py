"""Submits that may have been taken although no answer came: never forgotten, and sent again only as the policy says."""

from __future__ import annotations

import pytest

from retouch.causes import AmbiguityPolicy
from retouch.ledger import Claim, Entry, Settlement, Step
from retouch.states import EditState
from tests.ledger_bench import LEASE_MS, POLLED, SUBMITTING, Bench


def ambiguous(bench: Bench) -> Claim:
    """An edit whose intent was written and whose worker died."""
    bench.fill(1)
    bench.intend(bench.edits())
    bench.later(LEASE_MS + 1)
    (claim,) = bench.edits()
    return claim


def test_ambiguous_resubmit_is_sent_once_more_and_marked(bench: Bench) -> None:
    """A new number, a mark, a count; the second silence ends the edit."""
    claim = ambiguous(bench)
    assert bench.intend([claim]) == [2]
    assert bench.ledger.reader.batch("b").duplicates == 1  # type: ignore[union-attr]
    bench.later(LEASE_MS + 1)
    (again,) = bench.edits()
    assert bench.intend([again]) == [None]
    (result,) = bench.ledger.reader.results("b")
    assert (result["error"]["code"], result["possible_duplicate"]) == ("ambiguous", True)


def test_ambiguous_idempotent_is_sent_under_the_same_number(bench: Bench) -> None:
    """The same number is the same purchase: no mark, however often."""
    claim = ambiguous(bench)
    assert bench.intend([claim], AmbiguityPolicy.IDEMPOTENT) == [1]
    assert bench.ledger.reader.batch("b").duplicates == 0  # type: ignore[union-attr]


def test_ambiguous_hold_waits_for_a_person(bench: Bench) -> None:
    """Held: not due, not ready, its place free; a retry sends it again and marks it."""
    claim = ambiguous(bench)
    assert bench.intend([claim], AmbiguityPolicy.HOLD) == [None]
    assert bench.counts() == {"held": 1}
    bench.later(10 * LEASE_MS)
    assert bench.edits() == []
    assert bench.ledger.reader.provider().places_used == 0
    assert bench.ledger.producer.retry("b", [EditState.HELD]) == 1
    assert bench.intend(bench.edits()) == [2]
    assert bench.ledger.reader.batch("b").duplicates == 1  # type: ignore[union-attr]


def test_held_edits_can_be_cancelled_alone(bench: Bench) -> None:
    """cancel --held leaves the queue alone."""
    claim = ambiguous(bench)
    bench.intend([claim], AmbiguityPolicy.HOLD)
    bench.ledger.producer.enqueue("b", [Entry("later", "d", "{}", 1, None)])
    assert bench.ledger.producer.cancel("b", [EditState.HELD]) == 1
    assert bench.counts() == {"queued": 1, "cancelled": 1}


def test_a_repeated_intent_of_the_same_claim_is_not_ambiguous(bench: Bench) -> None:
    """The move whose answer was lost on the way is made again by the client: same number, no mark."""
    bench.fill(1)
    claims = bench.edits()
    assert bench.intend(claims) == bench.intend(claims) == [1]
    assert bench.ledger.reader.batch("b").duplicates == 0  # type: ignore[union-attr]


def test_a_claim_whose_message_comes_twice_is_sent_once(bench: Bench) -> None:
    """Another call for the same claim is told nothing: while the first is at work, and after it was settled."""
    bench.fill(2)
    answered, silent = claims = bench.edits()
    assert bench.intend(claims) == [1, 1]
    assert bench.intend(claims, nonce="delivered again") == [None, None]
    bench.accept([answered])
    assert all(bench.ledger.worker.settle([Settlement(silent, SUBMITTING, EditState.SUBMITTING, delay_ms=500)]))
    assert bench.intend(claims) == bench.intend(claims, nonce="delivered again") == [None, None]
    assert bench.ledger.reader.batch("b").duplicates == 0  # type: ignore[union-attr]


def test_a_poll_whose_message_comes_twice_is_made_once(bench: Bench) -> None:
    """Another call for the same claim is told nothing: while the first is at work, and after it was settled."""
    bench.at_the_api(1)
    claims = bench.edits()
    begin = bench.ledger.worker.begin_poll
    assert begin(claims, LEASE_MS, nonce="one call") == begin(claims, LEASE_MS, nonce="one call") != [None]
    assert begin(claims, LEASE_MS, nonce="delivered again") == [None]
    assert all(bench.ledger.worker.settle([Settlement(c, POLLED, EditState.WAITING, delay_ms=500) for c in claims]))
    assert begin(claims, LEASE_MS, nonce="delivered again") == [None]


@pytest.mark.parametrize("step", [Step.FINISH, Step.ANNOUNCE])
def test_an_end_or_a_delivery_whose_message_comes_twice_is_begun_once(bench: Bench, step: Step) -> None:
    """Another call for the same claim is told nothing; the next claim is begun again."""
    bench.ledger.worker.see_worker("w", ["webhook"])
    bench.fill(1)
    bench.run_to_completion()
    begin = bench.ledger.worker.begin
    claims = [claim for claim in bench.claim().claims if claim.step is step]
    assert len(claims) == 1
    assert begin(claims, LEASE_MS, nonce="one call") == begin(claims, LEASE_MS, nonce="one call") == claims
    assert begin(claims, LEASE_MS, nonce="delivered again") == []
    if step is Step.FINISH:
        assert bench.ledger.worker.settle_batch(claims[0], retry_in_ms=500)
    else:
        bench.ledger.worker.settle_deliveries([(claims[0], 500)])
    assert begin(claims, LEASE_MS, nonce="delivered again") == []
    bench.later(500)
    again = [claim for claim in bench.claim().claims if claim.step is step]
    assert begin(again, LEASE_MS, nonce="next") == again != []


@pytest.mark.parametrize("way", ["held", "cancelled", "failed"])
def test_an_unanswered_submit_is_never_forgotten(bench: Bench, way: str) -> None:
    """Whatever a person does with the edit in between: when it is sent again, it is marked."""
    bench.fill(1)
    policy = AmbiguityPolicy.RESUBMIT if way == "failed" else AmbiguityPolicy.HOLD
    for _ in range(3):
        claims = bench.edits(policy=policy)
        bench.intend(claims, policy)
        bench.later(LEASE_MS)
    if way == "cancelled":
        assert bench.ledger.producer.cancel("b", [EditState.HELD]) == 1
        [result] = bench.ledger.reader.results("b")
        assert result["error"]["code"] == "unanswered"
    assert bench.ledger.producer.retry("b", [EditState(way)]) == 1
    bench.run_to_completion()
    [result] = bench.ledger.reader.results("b")
    assert result["possible_duplicate"] is True
    assert bench.ledger.reader.batch("b").duplicates == 1  # type: ignore[union-attr]
