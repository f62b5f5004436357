"""Edits that end the workers that take them up."""

from __future__ import annotations

from collections.abc import Sequence

from retouch.ledger import Claim, Retried, Settlement
from retouch.states import EditState
from tests.ledger_bench import LEASE_MS, POLLED, Bench


def crash_with(bench: Bench, claims: Sequence[Claim]) -> None:
    """A worker takes polls up and is gone; their leases run out."""
    assert all(bench.begin_polls(claims))
    bench.later(LEASE_MS)


def test_an_edit_that_ends_three_workers_in_a_row_is_set_aside(bench: Bench) -> None:
    """The third time its lease runs out in the middle of a step it fails as ``poison``, with its place freed."""
    bench.at_the_api(1)
    for _ in range(3):
        crash_with(bench, bench.edits())
    assert bench.edits() == []
    assert bench.counts() == {"failed": 1}
    [result] = bench.ledger.reader.results("b")
    assert result["error"]["code"] == "poison"
    assert bench.ledger.reader.provider().places_used == 0
    assert bench.ledger.producer.retry("b") == Retried(asked=1, sent=0)
    assert len(bench.edits()) == 1


def test_the_bystanders_of_a_crash_are_tried_one_at_a_time(bench: Bench) -> None:
    """After two crashes in a row each edit that was there is claimed alone; only the one that crashes again fails."""
    bench.at_the_api(4)
    crash_with(bench, bench.edits())
    everyone = bench.edits()
    assert len(everyone) == 4
    crash_with(bench, everyone)
    poison = everyone[0].member
    while bench.counts() != {"failed": 1, "completed": 3}:
        [suspect] = bench.edits()
        assert bench.edits() == []
        if suspect.member == poison:
            crash_with(bench, [suspect])
        else:
            bench.end([suspect])
            bench.later(250)
    assert {r["custom_id"] for r in bench.ledger.reader.results("b") if r["error"]} == {poison.split("/")[1]}


def test_a_claim_whose_message_was_lost_condemns_nobody(bench: Bench) -> None:
    """Claims that no worker began to work on run out any number of times: that is no edit's fault."""
    bench.at_the_api(2)
    for _ in range(6):
        assert len(bench.edits()) == 2
        bench.later(LEASE_MS)
    assert bench.counts() == {"waiting": 2}


def test_a_step_that_goes_well_clears_an_edit_of_suspicion(bench: Bench) -> None:
    """Two crashes, an answer, two crashes: not three in a row."""
    bench.at_the_api(1)
    for _ in range(3):
        for _ in range(2):
            crash_with(bench, bench.edits())
        claims = bench.edits()
        assert all(bench.begin_polls(claims))
        assert all(bench.ledger.worker.settle([Settlement(c, POLLED, EditState.WAITING) for c in claims]))
    assert bench.counts() == {"waiting": 1}
