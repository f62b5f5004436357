"""A producer's redis-py may be of a time when it spoke RESP2: each answer is read as that of the newest one is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest
import redis

from retouch.causes import Fared
from retouch.ledger import Ledger, Seen, Settlement, Which
from retouch.ledger.constants import SAMPLE_MS
from retouch.price import Price
from retouch.states import EditState
from tests.harness.redis_client import connect
from tests.ledger_bench import POLLED, Bench

READS: dict[str, Callable[[Ledger], object]] = {
    "workers": lambda ledger: ledger.reader.workers(),
    "crew": lambda ledger: [worker.to_json() for worker in ledger.reader.crew()],
    "differences": lambda ledger: ledger.reader.differences(),
    "samples": lambda ledger: ledger.reader.samples(),
    "pauses": lambda ledger: ledger.reader.pauses(),
    "provider": lambda ledger: ledger.reader.provider(),
    "kinds": lambda ledger: [(kind, ledger.reader.learned(kind)) for kind in ledger.reader.kinds()],
    "figures": lambda ledger: ledger.reader.figures().counts,
    "price": lambda ledger: ledger.reader.price(),
    "days": lambda ledger: ledger.reader.days(2),
    "batches": lambda ledger: ledger.reader.batches(),
    "all batches": lambda ledger: list(ledger.reader.all_batches()),
    "edit": lambda ledger: ledger.reader.edit("b", "c0"),
    "history": lambda ledger: ledger.reader.history("b", "c0"),
    "results": lambda ledger: list(ledger.reader.results("b")),
    "made of": lambda ledger: list(ledger.reader.made("b")),
    "events": lambda ledger: ledger.reader.events(block_ms=10),
    "newest event": lambda ledger: ledger.reader.newest_event(),
    "sinks": lambda ledger: ledger.reader.sinks(),
    "undelivered": lambda ledger: [list(ledger.reader.undelivered(sink)) for sink in ledger.reader.sinks()],
    "failures": lambda ledger: ledger.strips.failures("b"),
    "rows": lambda ledger: ledger.strips.rows("b", [0, 1, 2], results=True),
    "found": lambda ledger: ledger.search.named("c1"),
    "jobs": lambda ledger: ledger.jobs.of_batch("b"),
}


@pytest.fixture
def bench(redis_url: str) -> Bench:
    """A ledger with something of everything."""
    bench = Bench(connect(redis_url))
    bench.ledger.producer.set_price(Price(Decimal("0.01"), "USD"))
    bench.ledger.worker.see_worker("w1", bench.sinks, {"RETOUCH_LEASE": "4"})
    bench.at_the_api(2, of=3)
    bench.begin_polls(claims := bench.edits(submits=0))
    lesson = {"kind": "64x64", "keep": 1.0, "increments": {"1000": 0.5}}
    settled = [
        Settlement(claims[0], POLLED, EditState.FAILED),
        Settlement(claims[1], POLLED, EditState.COMPLETED, lesson=lesson),
    ]
    assert all(bench.ledger.worker.settle(settled))
    bench.ledger.worker.observe(seen=[Seen("submit", bench.clock.now, Fared.SILENT, "503")])
    bench.ledger.worker.pause("submit:person", "lunch")
    job = bench.ledger.jobs.count("b", "retry", Which.of("retry", None, (), ()), at_once=True)
    assert job
    bench.ledger.jobs.start(job.id)
    bench.later(SAMPLE_MS)
    for name, lease in (("w1", "4"), ("w2", "5")):
        bench.ledger.worker.see_worker(name, bench.sinks, {"RETOUCH_LEASE": lease})
    return bench


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_what_is_read_is_the_same(bench: Bench, redis_url: str, read: Callable[[Ledger], object]) -> None:
    """And there is something to read."""
    found = []
    of_redis_py: tuple[dict[str, Any], ...] = ({"protocol": 2}, {})
    for options in of_redis_py:
        with closing(redis.Redis.from_url(redis_url, decode_responses=True, **options)) as client:
            found.append(read(Ledger(client, bench.clock)))
    assert found[0] == found[1]
    assert found[0]
