"""Edits that find out whether a pause is over."""

from __future__ import annotations

import json

from retouch.causes import Fared
from retouch.ledger import Claim, Seen, Settlement
from retouch.states import EditState
from tests.ledger_bench import SUBMITTING, Bench


def test_a_probe_that_was_refused_before_does_not_put_the_next_one_off(bench: Bench) -> None:
    """It says little of the account, and backs off by itself: the time between two probes stays as it is."""
    bench.fill(5)
    claims = bench.edits(submits=5)
    bench.intend(claims)
    bench.refuse(claims, "401")
    bench.later(1000)
    gaps = []
    for _ in range(4):
        assert len(bench.edits(submits=1)) == 1
        until = json.loads(bench.stored(bench.keys.pauses, "submit:refused"))["until"]
        gaps.append(until - bench.clock.now)
        bench.clock.now = until
    assert gaps == [250] * 4


def silent(bench: Bench, claims: list[Claim], **put: str) -> None:
    """No answer comes, or an error of the API (``put``)."""
    seen = (Seen("submit", bench.clock.now, Fared.SILENT, "503"),)
    assert all(
        bench.ledger.worker.settle(
            [Settlement(c, SUBMITTING, EditState.SUBMITTING, delay_ms=1000, seen=seen, put=put) for c in claims]
        )
    )


def test_edits_that_met_silence_and_then_an_error_find_out_as_well(bench: Bench) -> None:
    """Where only such edits are left one of them is the probe, and the outage ends."""
    bench.fill(5)
    claims = bench.edits()
    bench.intend(claims)
    silent(bench, claims)
    bench.ledger.worker.observe(good={"submit": bench.clock.now})
    bench.later(30_000)
    claims = bench.edits()
    assert None not in bench.intend(claims)
    silent(bench, claims, said="1", errors="1")
    for _ in range(240):
        bench.clock.now += 500
        harvest = bench.claim()
        if harvest.ask_at is not None:
            bench.ledger.worker.observe(good={"status": bench.clock.now})
        if any(bench.intend(harvest.claims)):
            break
    assert any(harvest.claims)
    bench.accept(harvest.claims)
    assert bench.pauses() == {}


def test_a_burst_of_429_pauses_although_one_was_taken_in_between(bench: Bench) -> None:
    """Each has been asked to wait before; only one that is asked alone, while others are taken, waits alone."""
    bench.fill(5)
    claims = bench.edits()
    bench.intend(claims)
    wait = Seen("submit", bench.clock.now, Fared.THROTTLED, "429", 1000)
    back = [Settlement(c, SUBMITTING, EditState.QUEUED, untaken=True, seen=(wait,)) for c in claims[1:]]
    assert all(bench.ledger.worker.settle(back))
    bench.later(1000)
    [probe] = bench.edits()
    bench.intend([probe])
    bench.accept([probe])
    bench.clock.now += 100
    claims = bench.edits()
    bench.intend(claims)
    wait = wait._replace(sent_ms=bench.clock.now)
    again = [Settlement(c, SUBMITTING, EditState.QUEUED, untaken=True, seen=(wait,)) for c in claims]
    assert all(bench.ledger.worker.settle(again[:1]))
    assert bench.pauses() == {}
    assert all(bench.ledger.worker.settle(again[1:]))
    assert list(bench.pauses()) == ["submit:throttled"]


def test_a_clock_that_is_set_back_leaves_no_witness_to_come(bench: Bench) -> None:
    """After a failover the server's clock may be behind: refusals pause submits as before, and fail nobody."""
    bench.fill(6)
    bench.ledger.worker.observe(good={"submit": bench.clock.now})
    bench.clock.now -= 600_000
    claims = bench.edits(submits=5)
    bench.intend(claims)
    bench.refuse(claims)
    assert list(bench.pauses()) == ["submit:refused"]


def test_a_message_that_comes_to_a_draining_worker_takes_no_work_from_another(bench: Bench) -> None:
    """It gives back claims that are begun already: they stay where they are."""
    bench.fill(1)
    claims = bench.edits()
    bench.intend(claims)
    bench.ledger.worker.give_back(claims)
    bench.clock.now += 100
    assert bench.edits() == []
    bench.accept(claims)
    assert bench.counts() == {"waiting": 1}
