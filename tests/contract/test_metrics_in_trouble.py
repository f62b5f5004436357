"""What Prometheus is told, when batches go, names are used again, Redis dies, and others use it too."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal

import redis
from prometheus_client.parser import text_string_to_metric_families

from retouch.ledger import DEFAULT_NAMESPACE, Finish, Ledger, Settlement, Step
from retouch.metrics import exposition
from retouch.price import Price
from retouch.states import EditState
from tests.harness.redis_client import connect
from tests.ledger_bench import SUBMITTING, Bench, entries
from workers.stack.valkey import Valkey

CENT = Decimal("0.01")
FAILED = json.dumps({"code": "failure", "message": "no"})
TAKEN = ("submit:200", "taken")
Told = dict[tuple[str, ...], float]


class Installation:
    """One of several on a Redis, with a book of what came about in it."""

    def __init__(self, client: redis.Redis, namespace: str) -> None:
        self.bench = Bench(client)
        self.bench.ledger = Ledger(client, self.bench.clock, namespace=namespace)
        self.bench.keys = self.bench.ledger.connection.keys
        self.bench.ledger.producer.set_price(Price(CENT, "USD"))
        self.book = Counter[tuple[str, ...]]()

    def work(self, count: int, *, fail: int = 0, cancel: int = 0) -> None:
        """Enqueue a batch, always of the same name, and bring it to its end."""
        assert set(self.bench.write("b", entries(count))) == {1}
        self.bench.ledger.producer.seal("b")
        claims = self.bench.edits(submits=count - cancel)
        self.bench.begin(claims)
        ends = [Settlement(one, SUBMITTING, EditState.FAILED, error=FAILED, counts=TAKEN) for one in claims[:fail]]
        ends += [Settlement(one, SUBMITTING, EditState.COMPLETED, counts=TAKEN) for one in claims[fail:]]
        assert all(self.bench.ledger.worker.settle(ends))
        assert self.bench.ledger.producer.cancel("b") == cancel
        self.book["retouch_edits_accepted_total",] += count
        self.book["retouch_submits_taken_total",] += len(claims)
        self.book["retouch_money_spent_total", "USD"] += len(claims)
        self.book["retouch_edits_ended_total", "", "completed"] += len(claims) - fail
        self.book["retouch_edits_ended_total", "failure", "failed"] += fail
        self.book["retouch_edits_ended_total", "", "cancelled"] += cancel

    def remove(self) -> None:
        """The batch goes."""
        [claim] = [one for one in self.bench.claim().claims if one.step is Step.FINISH]
        self.bench.ledger.worker.settle_batch(claim, Finish.WRITTEN)
        assert self.bench.ledger.producer.remove("b") == 0

    def told(self) -> Told:
        """A scrape."""
        text, _ = exposition(self.bench.ledger.reader.figures(), "")
        families = text_string_to_metric_families(text.decode())
        return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}

    def exact(self) -> Told:
        """A scrape that says of all that was counted what is in the book, and of all that is there what is there."""
        told = self.told()
        in_cents = {by: round(told.get(by, 0) * (100 if "money" in by[0] else 1)) for by in self.book}
        assert in_cents == self.book
        view = self.bench.ledger.reader.batch("b")
        there = {state: told["retouch_edits", state] for state in EditState if told["retouch_edits", state]}
        assert there == (view.counts if view else {})
        assert told["retouch_batches",] == (view is not None)
        return told


def test_the_numbers_are_exact_through_removals_restarts_and_neighbours(valkey: Valkey, redis_url: str) -> None:
    """No counter goes back while Redis keeps what it has; what one installation does is in no numbers of the other."""
    with connect(redis_url) as client:
        ours, theirs = Installation(client, DEFAULT_NAMESPACE), Installation(client, "other")
        ours.work(7, fail=2, cancel=1)
        first = ours.exact()
        theirs.work(3)
        assert ours.told() == first
        ours.remove()
        ours.exact()
        ours.work(4, fail=1)
        ours.remove()
        theirs.remove()
        ours.work(2)
        before = ours.exact(), theirs.exact()
        valkey.kill()
        valkey.start()
        assert (ours.exact(), theirs.exact()) == before
        assert all(before[0][by] >= first[by] for by in first if by[0].endswith("_total"))
        client.flushall()
        assert all(value == 0 for by, value in ours.told().items() if by[0].endswith("_total"))
        ours.book.clear()
        ours.bench.ledger.producer.set_price(Price(CENT, "USD"))
        ours.work(2, fail=2)
        ours.exact()
