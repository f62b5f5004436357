"""The installation in numbers, as it is read from the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from retouch.causes import BatchPause, Outcome
from retouch.ledger import Delivery, Finish
from retouch.ledger.figures import SinkFigures
from retouch.states import EditState
from tests.ledger_bench import SINK, Bench

S = EditState


def test_an_empty_ledger_has_no_figures(bench: Bench) -> None:
    """Nothing is there, and nothing is made by looking."""
    found = bench.ledger.reader.figures()
    assert (found.counts, found.counted_since_ms, found.batches, found.workers) == ({}, None, 0, 0)
    assert (found.backlog_batches, found.backlog_since_ms, found.halted_batches, found.sinks) == (0, None, 0, [])
    assert bench.client.dbsize() == 0


def test_the_backlog_is_that_of_the_batch_that_has_waited_longest(bench: Bench) -> None:
    """Of those that are not paused; the edits of paused ones are counted apart."""
    began = bench.clock.now
    bench.fill(3, batch="a")
    bench.later(500)
    bench.fill(2, batch="b")
    bench.later(500)
    bench.fill(1, batch="c")
    bench.ledger.producer.pause("a", BatchPause.PERSON, "")
    found = bench.ledger.reader.figures()
    assert (found.batches, found.backlog_batches, found.halted_batches, found.halted_edits) == (3, 2, 1, 3)
    assert (found.backlog_since_ms, found.now_ms) == (began + 500, began + 1000)
    assert found.edits(S.QUEUED) == 6


def test_sums_are_told_by_what_they_are_counted_by(bench: Bench) -> None:
    """An end by its outcome and its code, if it has one."""
    bench.fill(2)
    claims = bench.edits()
    bench.intend(claims)
    bench.end(claims[:1])
    bench.ledger.producer.cancel("b")
    bench.end(claims[1:], S.CANCELLED)
    found = bench.ledger.reader.figures()
    assert found.summed("ended") == {("completed",): 1, ("cancelled",): 1}
    assert found.summed("accepted") == {(): 2}


def test_workers_that_are_gone_do_not_count(bench: Bench) -> None:
    """Nor do their settings."""
    bench.ledger.worker.see_worker("a", {}, settings={"RETOUCH_RATE_LIMIT": "1/s"})
    bench.later(5000)
    bench.ledger.worker.see_worker("b", {}, settings={"RETOUCH_RATE_LIMIT": "2/s"})
    bench.later(2000)
    found = bench.ledger.reader.figures()
    assert (found.workers, found.settings) == (1, [{"RETOUCH_RATE_LIMIT": "2/s"}])


def test_a_sink_is_as_far_behind_as_its_oldest_event(bench: Bench) -> None:
    """One that was given up is behind too, though nothing is to be made; what is taken is counted."""
    bench.show()
    bench.fill(3)
    told_at = bench.clock.now
    bench.run_to_completion()
    [finish] = bench.claim(deliveries=0).claims
    first, second, third = bench.deliveries()
    worker = bench.ledger.worker
    worker.settle_deliveries([Delivery(first, Outcome.DELIVERED), Delivery(second, Outcome.GIVEN_UP, "503")])
    worker.settle_batch(finish, Finish.AGAIN)
    bench.later(2000)
    [sink] = bench.ledger.reader.figures().sinks
    oldest = sink.oldest_ms
    assert sink == SinkFigures(SINK, delivered=1, waiting=1, undelivered=1, held=False, oldest_ms=oldest)
    assert oldest is not None
    assert abs(oldest - told_at) < 60_000  # of the server's own clock
    worker.settle_deliveries([Delivery(third, Outcome.GONE, "410")])
    [sink] = bench.ledger.reader.figures().sinks
    assert (sink.held, sink.waiting, sink.oldest_ms) == (True, 0, oldest)


def test_the_sinks_of_batches_are_counted_together(bench: Bench) -> None:
    """Their names would be those of the batches."""
    for batch in "ab":
        bench.fill(1, batch=batch)
        bench.ledger.producer.notify(batch, "https://hooks.test/x", "hooks.test", ())
    bench.run_to_completion()
    found = bench.ledger.reader.figures()
    assert (found.batch_sinks, found.sinks) == (2, [])


def test_the_times_of_the_newest_kinds_are_read(bench: Bench) -> None:
    """As they were learned."""
    for n in range(12):
        bench.client.zadd(bench.keys.kinds, {f"k{n}": n})
        bench.client.hset(bench.keys.learned(f"k{n}"), mapping={"3": "1.5"})
    found = bench.ledger.reader.figures().learned
    assert found == {f"k{n}": {3: 1.5} for n in range(11, 1, -1)}


def test_no_batch_is_looked_at(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, the same few things are asked for."""
    for n in range(20):
        bench.fill(1, batch=f"b{n}")
    asked: list[tuple[Any, ...]] = []
    read_all = bench.ledger.connection.read_all

    def watched(commands: Iterable[tuple[Any, ...]]) -> list[Any]:
        told = list(commands)
        asked.extend(told)
        return read_all(told)

    monkeypatch.setattr(bench.ledger.connection, "read_all", watched)
    bench.ledger.reader.figures()
    assert len(asked) == 15
    assert [command for command in asked if command[1].startswith(bench.keys.batch(""))] == []
