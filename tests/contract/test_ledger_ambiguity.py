"""Submits that may have been taken although no answer came: never forgotten, and sent again only as the policy says."""

from __future__ import annotations

import pytest

from retouch.ledger import Claim, Entry, Retried, Settlement
from retouch.states import EditState
from tests.ledger_bench import HOLD, IDEMPOTENT, LEASE_MS, RESUBMIT, SUBMITTING, Bench


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
    assert bench.intend([claim], IDEMPOTENT) == [1]
    assert bench.ledger.reader.batch("b").duplicates == 0  # type: ignore[union-attr]


def test_ambiguous_hold_waits_for_a_person(bench: Bench) -> None:
    """Held: not due, not ready, its place free; a retry sends it again and marks it."""
    claim = ambiguous(bench)
    assert bench.intend([claim], HOLD) == [None]
    assert bench.counts() == {"held": 1}
    bench.later(10 * LEASE_MS)
    assert bench.edits() == []
    assert bench.ledger.reader.provider().places_used == 0
    assert bench.ledger.producer.retry("b", [EditState.HELD]) == Retried(0, 1)
    assert bench.intend(bench.edits()) == [2]
    assert bench.ledger.reader.batch("b").duplicates == 1  # type: ignore[union-attr]


def test_held_edits_can_be_cancelled_alone(bench: Bench) -> None:
    """cancel --held leaves the queue alone."""
    claim = ambiguous(bench)
    bench.intend([claim], HOLD)
    bench.write("b", [Entry("later", "d", "{}", 1, None)])
    assert bench.ledger.producer.cancel("b", [EditState.HELD]) == 1
    assert bench.counts() == {"queued": 1, "cancelled": 1}


def test_a_repeated_intent_of_the_same_claim_is_not_ambiguous(bench: Bench) -> None:
    """The move whose answer was lost on the way is made again by the client: same number, no mark."""
    bench.fill(1)
    claims = bench.edits()
    for _ in range(2):
        assert [begun.number for begun in bench.begin(claims, nonce="one call") if begun] == [1]
    assert bench.ledger.reader.batch("b").duplicates == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("way", ["held", "cancelled", "failed"])
def test_an_unanswered_submit_is_never_forgotten(bench: Bench, way: str) -> None:
    """Whatever a person does with the edit in between: when it is sent again, it is marked."""
    bench.fill(1)
    policy = RESUBMIT if way == "failed" else HOLD
    for _ in range(3):
        claims = bench.edits(policy=policy.ambiguous)
        bench.intend(claims, policy)
        bench.later(LEASE_MS)
    if way == "cancelled":
        assert bench.ledger.producer.cancel("b", [EditState.HELD]) == 1
        [result] = bench.ledger.reader.results("b")
        assert result["error"]["code"] == "unanswered"
    assert bench.ledger.producer.retry("b", [EditState(way)]) == Retried(0, 1)
    bench.run_to_completion()
    [result] = bench.ledger.reader.results("b")
    assert result["possible_duplicate"] is True
    assert bench.ledger.reader.batch("b").duplicates == 1  # type: ignore[union-attr]


def test_a_submit_after_an_error_whose_worker_dies_is_one_that_was_not_answered(bench: Bench) -> None:
    """What the API said was of the one before; so it is sent once more, and not as often as after errors."""
    bench.fill(1)
    claims = bench.edits()
    bench.intend(claims)
    errors = {"said": "1", "errors": "1"}
    bench.ledger.worker.settle([Settlement(c, SUBMITTING, EditState.SUBMITTING, put=errors) for c in claims])
    for number in (2, 3, None):
        assert bench.intend(bench.edits()) == [number]
        bench.later(LEASE_MS + 1)
    assert bench.counts()["failed"] == 1
