"""What is left of a batch, and for how long, after it ended."""

from __future__ import annotations

from datetime import UTC, datetime

from retouch.ledger import BatchView, Entry, Finish, Step, Verdict
from retouch.states import EditState
from tests.ledger_bench import LEASE_MS, Bench

RETENTION_MS = 60_000


def ended(bench: Bench, count: int, to: EditState = EditState.COMPLETED) -> None:
    """A batch of so many edits, all ended alike, and its end written."""
    for first in range(0, count, 400):
        names = [Entry(f"c{n}", "d", "{}", 1, None) for n in range(first, min(first + 400, count))]
        bench.ledger.producer.open_batch("b")
        bench.write("b", names)
    bench.ledger.producer.seal("b")
    finish(bench, to)


def finish(bench: Bench, to: EditState) -> None:
    """All edits end alike, and the end of the batch is written."""
    while claims := bench.claim(places=10**6).claims:
        edits = [claim for claim in claims if claim.step is Step.SUBMIT]
        if edits:
            bench.intend(edits)
            bench.end(edits, to)
        for claim in (claim for claim in claims if claim.step is Step.FINISH):
            did = Finish.REMOVED if edits else Finish.WRITTEN  # that of before a retry
            assert bench.ledger.worker.settle_batch(claim, did, retention_ms=RETENTION_MS)


def test_nothing_of_a_batch_is_left_when_its_retention_is_over(bench: Bench) -> None:
    """Every key of it goes, page by page, and its events; before then all of it is there."""
    ended(bench, 1100)
    bench.later(RETENTION_MS - LEASE_MS)
    bench.claim()
    assert sum(1 for _ in bench.ledger.reader.results("b")) == 1100
    bench.later(2 * LEASE_MS)
    for _ in range(4):
        bench.claim()
    assert bench.ledger.reader.batch("b") is None
    assert bench.ledger.reader.batches() == []
    assert set(bench.client.keys("*")) <= {bench.keys.schema, bench.keys.state, bench.keys.events, bench.keys.counts}
    assert bench.ledger.reader.events() == []


def test_when_a_batch_was_completed_is_told_until_it_is_open_again(bench: Bench) -> None:
    """And then when it was completed the last time; what a gateway says of it says the same."""
    ended(bench, 3, EditState.FAILED)
    first = bench.ledger.reader.batch("b")
    assert first is not None
    assert first.completed_at == datetime.fromtimestamp(bench.clock.now / 1000, UTC)
    assert BatchView.from_json(first.to_json()).completed_at == first.completed_at
    bench.later(5000)
    bench.ledger.producer.retry("b")
    again = bench.ledger.reader.batch("b")
    assert again is not None
    assert again.completed_at is None
    finish(bench, EditState.COMPLETED)
    last = bench.ledger.reader.batch("b")
    assert last is not None
    assert last.completed_at == datetime.fromtimestamp(bench.clock.now / 1000, UTC)


def test_a_batch_that_is_tried_again_is_not_removed(bench: Bench) -> None:
    """A retry right before the end of its retention keeps it, until it has ended once more."""
    ended(bench, 3, EditState.FAILED)
    bench.later(RETENTION_MS - LEASE_MS)
    bench.ledger.producer.retry("b")
    bench.later(3 * LEASE_MS)
    bench.claim()
    assert bench.counts() == {"submitting": 3}


def test_a_batch_that_is_added_to_is_not_removed(bench: Bench) -> None:
    """An enqueue right before the end of its retention keeps it."""
    ended(bench, 3)
    bench.later(RETENTION_MS - LEASE_MS)
    bench.ledger.producer.open_batch("b")
    assert bench.write("b", [Entry("new", "d", "{}", 1, None)]) == [Verdict.ACCEPTED]
    bench.ledger.producer.seal("b")
    bench.later(3 * LEASE_MS)
    bench.claim()
    assert bench.counts() == {"completed": 3, "submitting": 1}


def test_events_that_wait_for_a_delivery_outlive_their_batch(bench: Bench) -> None:
    """While a webhook is away, what it has not been told is kept; so is what a batch that is still there was told."""
    bench.clock.now -= 1000
    ended(bench, 2)
    bench.clock.now += 1000
    bench.show()
    bench.fill(1, batch="other")
    bench.run_to_completion()
    bench.later(RETENTION_MS + LEASE_MS)
    bench.claim(deliveries=0)
    assert bench.ledger.reader.batch("b") is None
    assert [e.subject for e in bench.ledger.reader.events()][-1] == "other/c0"


def test_events_of_a_batch_that_is_still_there_are_kept(bench: Bench) -> None:
    """The end of another batch's retention takes only what is older than any batch that is left."""
    bench.write("open", [Entry("c0", "d", "{}", 1, None)])
    ended(bench, 2)
    bench.later(RETENTION_MS + LEASE_MS)
    bench.claim()
    assert bench.ledger.reader.batch("b") is None
    assert {e.subject for e in bench.ledger.reader.events()} >= {"b/c0", "b/c1", "b"}
