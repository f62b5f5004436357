"""Sums over all batches: kept in the moves, once each, for as long as the ledger lives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from retouch.causes import BatchPause
from retouch.ledger import Claim, Finish, Settlement
from retouch.states import EditState
from tests.ledger_bench import HOLD, IDEMPOTENT, LEASE_MS, POLLED, RESUBMIT, SUBMITTING, Bench

S = EditState
FAILED = json.dumps({"code": "refused", "message": 'it said "code": "no"'})
TAKEN = ("submit:200", "taken")


def sums(bench: Bench, *prefixes: str) -> dict[str, int]:
    """Those above 0 whose names begin so."""
    found = bench.client.hgetall(bench.keys.counts)
    return {str(name): int(n) for name, n in found.items() if str(name).startswith(prefixes) and int(n)}


def settle(bench: Bench, claims: Sequence[Claim], to: EditState, *, times: int = 1, **more: Any) -> None:
    """The claims go on, or end; the call is made so many times, since its answer was lost."""
    for _ in range(times):
        bench.ledger.worker.settle([Settlement(c, (*SUBMITTING, *POLLED), to, **more) for c in claims])


def test_edits_are_counted_by_state_over_all_batches(bench: Bench) -> None:
    """Those that are there: in any batch, in any state."""
    bench.fill(3, batch="a")
    bench.fill(2, batch="b")
    claims = bench.edits(submits=4)
    bench.intend(claims)
    settle(bench, claims[:2], S.COMPLETED)
    settle(bench, claims[2:3], S.FAILED, error=FAILED)
    assert sums(bench, "n:", "accepted") == {
        "n:queued": 1,
        "n:submitting": 1,
        "n:completed": 2,
        "n:failed": 1,
        "accepted": 5,
    }


def test_what_is_removed_is_not_there_and_has_ended_all_the_same(bench: Bench) -> None:
    """The edits of a removed batch leave the states; their ends stay counted."""
    bench.fill(2)
    bench.run_to_completion()
    [finish] = bench.claim().claims
    bench.ledger.worker.settle_batch(finish, Finish.WRITTEN)
    assert bench.ledger.producer.remove("b") is not None
    assert bench.ledger.reader.batch("b") is None
    assert sums(bench, "n:", "ended:") == {"ended:completed": 2}


def test_the_retention_takes_edits_from_the_sums_too(bench: Bench) -> None:
    """A claim that removes a batch counts what it removes."""
    bench.fill(2)
    bench.run_to_completion()
    [finish] = bench.claim().claims
    bench.ledger.worker.settle_batch(finish, Finish.WRITTEN, retention_ms=0)
    bench.claim()
    assert sums(bench, "n:") == {}


def test_an_end_is_counted_once_by_its_code(bench: Bench) -> None:
    """Whatever stands in the message, and however often the call comes; an edit that ends twice has two ends."""
    bench.fill(1)
    for ends in (1, 2):
        claims = bench.edits()
        bench.intend(claims)
        settle(bench, claims, S.FAILED, times=2, error=FAILED)
        assert sums(bench, "ended:") == {"ended:failed:refused": ends}
        bench.ledger.producer.retry("b")
    bench.ledger.producer.cancel("b")
    assert sums(bench, "ended:") == {"ended:failed:refused": 2, "ended:cancelled": 1}


@pytest.mark.parametrize("to", [S.WAITING, S.SUBMITTING, S.QUEUED, S.COMPLETED])
def test_a_request_is_counted_with_the_settlement_of_its_claim(bench: Bench, to: EditState) -> None:
    """Once, though the call comes twice."""
    bench.fill(1)
    claims = bench.edits()
    bench.intend(claims)
    settle(bench, claims, to, times=2, counts=TAKEN)
    assert sums(bench, "submit:", "taken") == {"submit:200": 1, "taken": 1}


def test_a_claim_that_goes_on_counts_its_request_once(bench: Bench) -> None:
    """The claim is not ended by that, so that the repeat finds it as it was."""
    bench.at_the_api(1)
    claims = bench.edits()
    bench.begin_polls(claims)
    settle(bench, claims, S.COPYING, times=2, keep=True, counts=("status:200",))
    settle(bench, claims, S.COMPLETED, times=2)
    assert sums(bench, "status:") == {"status:200": 1}


def test_what_a_worker_asked_under_a_lost_claim_is_not_counted(bench: Bench) -> None:
    """Nobody can tell it from a repeat; the submit counts as unanswered instead, when it is sent again."""
    bench.fill(1)
    claims = bench.edits()
    bench.intend(claims)
    bench.later(LEASE_MS + 1)
    again = bench.edits()
    bench.intend(again)
    settle(bench, claims, S.WAITING, counts=TAKEN)
    settle(bench, again, S.WAITING, counts=TAKEN)
    assert sums(bench, "submit:", "taken", "unanswered", "duplicates") == {
        "submit:200": 1,
        "taken": 1,
        "unanswered": 1,
        "duplicates": 1,
    }


def test_an_unanswered_submit_is_counted_when_it_is_given_up(bench: Bench) -> None:
    """Sent again under a new number, or held; not while it is sent again under its own."""
    bench.fill(3)
    claims = bench.edits()
    bench.intend(claims)
    settle(bench, claims, S.SUBMITTING)
    again = bench.edits()
    bench.begin(again[:1], IDEMPOTENT)
    assert sums(bench, "unanswered") == {}
    bench.begin(again[1:2], HOLD)
    bench.begin(again[2:], RESUBMIT)
    assert sums(bench, "unanswered", "duplicates") == {"unanswered": 2, "duplicates": 1}


def test_a_batch_waits_as_long_as_it_has_queued_edits(bench: Bench) -> None:
    """From its first one on, however many come; paused it stands apart, from the pause on."""
    began = bench.clock.now
    bench.fill(2, batch="a")
    bench.later(1000)
    bench.fill(1, batch="b")
    assert _waiting(bench) == ({"a": began, "b": began + 1000}, {})
    bench.ledger.producer.pause("a", BatchPause.PERSON, "")
    assert _waiting(bench) == ({"b": began + 1000}, {"a": began + 1000})
    bench.later(1000)
    bench.ledger.producer.resume("a")
    assert _waiting(bench) == ({"a": began + 2000, "b": began + 1000}, {})
    bench.edits(submits=3)
    assert _waiting(bench) == ({}, {})


def test_an_edit_that_comes_back_waits_from_then_on(bench: Bench) -> None:
    """Its batch had none that waited."""
    bench.fill(1)
    claims = bench.edits()
    bench.intend(claims)
    bench.later(1000)
    settle(bench, claims, S.QUEUED, delay_ms=10)
    assert _waiting(bench) == ({"b": bench.clock.now}, {})


def test_a_ledger_without_sums_gets_those_of_its_batches(bench: Bench) -> None:
    """An older program kept none: what is there is counted once, when the first worker shows itself."""
    began = bench.clock.now
    bench.fill(3, batch="a")
    bench.fill(1, batch="b")
    bench.client.delete(bench.keys.counts, bench.keys.backlog)
    bench.later(1000)
    bench.edits(submits=1)
    for _ in range(2):
        bench.show()
        assert sums(bench, "n:") == {"n:queued": 3, "n:submitting": 1}
        assert bench.stored(bench.keys.counts, "since") == str(began + 1000)
        assert _waiting(bench) == ({"a": began, "b": began}, {})
        bench.clock.now += 100
    bench.edits(submits=3)
    assert sums(bench, "n:") == {"n:submitting": 4}


def _waiting(bench: Bench) -> tuple[dict[str, int], dict[str, int]]:
    """Batches with queued edits, and those of them that are paused, with the time since when they are so."""
    backlog, halted = (
        {str(name): int(at) for name, at in bench.client.zrange(key, 0, -1, withscores=True)}  # type: ignore[str-unpack]
        for key in (bench.keys.backlog, bench.keys.halted)
    )
    return backlog, halted
