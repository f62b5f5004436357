"""What one claim does beside its claims: a page of edits in all, however many batches wait for it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from retouch.causes import BatchPause
from retouch.ledger import PAGE, Claim, Finish, Step
from tests.ledger_bench import LEASE_MS, Bench, entries

RETENTION_MS = 60_000
SIZE = PAGE // 5


def ended(bench: Bench, batches: int, size: int = SIZE) -> None:
    """So many batches, each with so many edits that have ended, at the same moment."""
    for n in range(batches):
        name = f"b{n}"
        bench.write(name, entries(size))
        bench.client.hset(bench.keys.batch(name), mapping={"state": "finishing", "pending": 0, "fence": 1})
        bench.client.hset(bench.keys.batch(name), mapping={"n:queued": 0, "n:completed": size})
        assert bench.ledger.worker.settle_batch(Claim(name, 1, Step.FINISH), Finish.WRITTEN, retention_ms=RETENTION_MS)
        bench.client.zremrangebyrank(bench.keys.ready, 0, -1)


def left(bench: Bench) -> int:
    """How many edits the ledger has."""
    return sum(1 for _ in bench.client.scan_iter(match=bench.keys.edit("*"), count=1000))


@pytest.mark.parametrize("size", [SIZE, 3 * SIZE, PAGE, 3])
def test_one_claim_removes_a_page_of_edits_in_all(bench: Bench, size: int) -> None:
    """Many batches whose retention is over in the same moment hold Redis no longer than one does."""
    ended(bench, 12, size)
    bench.clock.now += RETENTION_MS
    before = left(bench)
    while before:
        bench.claim(submits=0)
        now = left(bench)
        assert before - now <= PAGE
        assert before - now >= min(before, PAGE // 3)
        before = now
    bench.claim(submits=0)
    assert bench.ledger.reader.batches() == []
    assert bench.client.exists(bench.keys.chores) == 0


def test_edits_are_claimed_in_the_same_claim(bench: Bench) -> None:
    """Batches that wait for their removal stand before no edit, however few are claimed at a time."""
    ended(bench, 12)
    bench.clock.now += RETENTION_MS
    bench.fill(2, batch="live")
    claims = bench.edits()
    bench.intend(claims)
    bench.accept(claims, delay_ms=10)
    bench.clock.now += 10
    assert [claim.step for claim in bench.edits(polls=2)] == [Step.POLL, Step.POLL]


def test_a_resume_that_was_cut_off_is_gone_on_with_page_by_page(bench: Bench) -> None:
    """Several batches with parked edits come back a page a claim."""
    for n in range(4):
        for first in range(0, PAGE + SIZE, SIZE):
            page = [e._replace(custom_id=f"c{first + i}") for i, e in enumerate(entries(SIZE))]
            bench.write(f"p{n}", page)
        bench.ledger.producer.pause(f"p{n}", BatchPause.PERSON, "why")
    while bench.client.zcard(bench.keys.ready):
        assert bench.edits() == []
    for n in range(4):
        bench.ledger.connection.run("resume_batch", f"p{n}", "", "")
    for _ in range(4):
        before = bench.client.zcard(bench.keys.ready)
        bench.claim(submits=0)
        assert bench.client.zcard(bench.keys.ready) - before <= PAGE
    assert bench.client.zcard(bench.keys.ready) == 4 * (PAGE + SIZE)
    assert bench.client.exists(bench.keys.chores) == 0


def test_what_an_older_program_had_in_due_is_removed_too(bench: Bench) -> None:
    """It kept batches that had ended among the appointments, until their retention was over."""
    ended(bench, 3)
    bench.client.zunionstore(bench.keys.due, [bench.keys.chores])
    bench.client.delete(bench.keys.chores)
    bench.later(RETENTION_MS + LEASE_MS)
    bench.claim()
    assert bench.ledger.reader.batches() == []
    assert bench.client.zcard(bench.keys.due) == 0


def test_the_events_of_a_batch_go_bit_by_bit_as_well(bench: Bench) -> None:
    """The end of the oldest batch's retention may set free the events of a week."""
    bench.clock.now -= 1000
    ended(bench, 1, 3)
    pipe = bench.client.pipeline(transaction=False)
    for n in range(25_000):
        pipe.xadd(bench.keys.events, {"type": "t"}, id=f"{bench.clock.now}-{n + 1}")
    bench.client.delete(bench.keys.events)
    pipe.execute()
    bench.clock.now += RETENTION_MS
    lengths: list[int] = []
    while not lengths or lengths[-1]:
        bench.claim()
        lengths.append(bench.client.xlen(bench.keys.events))
        assert bench.ledger.reader.batch("b0") is None
    bench.claim()
    assert all(before - after <= 10_100 for before, after in pairwise([25_000, *lengths]))
    assert bench.client.exists(bench.keys.chores) == 0
