"""Random decisions and failures against a plain Python model of when a batch is paused for its failures."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from retouch.errors import BatchLimitError
from retouch.failure_limit import FailureLimit
from retouch.ledger import Entry
from retouch.states import EditState
from tests.ledger_bench import Bench

LIMITS = st.sampled_from(["0", "1", "3", "0%", "10%", "50%", "100%"])
ENOUGH = 100


class FailuresMachine(RuleBasedStateMachine):
    """One batch, whose edits end as soon as they are sent; the model has its numbers, its limit, and its pause."""

    server: redis.Redis

    @initialize(limit=LIMITS)
    def begin(self, limit: str) -> None:
        self.server.flushall()
        self.bench = Bench(self.server)
        self.given, self.limit = limit, FailureLimit.parse(limit)
        self.lifted = self.paused = self.cancelled = False
        self.queued = self.failed = self.others = 0
        self.sealed = False
        self.enqueue(1)

    @property
    def total(self) -> int:
        return self.queued + self.failed + self.others

    def exceeds(self, limit: FailureLimit) -> bool | None:
        """Whether more failed than may; None: that cannot be told yet."""
        few = self.total - self.queued < ENOUGH
        if limit.percent and self.failed and not self.sealed and few:
            return None
        return not limit.allows(self.failed, self.total)

    def weigh(self) -> None:
        above = None if self.lifted else self.exceeds(self.limit)
        if above is False:
            self.paused = False
        elif above and (self.queued or not self.sealed) and not self.cancelled:
            self.paused = True

    # --- what happens ----------------------------------------------------------------------------

    @rule(count=st.sampled_from([1, 5, 60]))
    def enqueue(self, count: int) -> None:
        new = [Entry(f"c{self.total + n}", "d", "{}", 1, None) for n in range(count)]
        opened = self.bench.ledger.producer.open_batch("b")
        self.bench.write("b", new, max_failures=self.given, cancelled=opened.cancelled)
        self.queued += count
        self.sealed = self.cancelled = False

    @rule()
    def seal(self) -> None:
        if self.bench.ledger.producer.seal("b"):
            self.sealed = True
            self.weigh()

    @rule(count=st.sampled_from([1, 2, 40]), fails=st.booleans())
    def work(self, count: int, fails: bool) -> None:
        """Workers send so many, of which none is there in a pause; parked ones come back first."""
        for _ in range(2):
            self.bench.claim(submits=0, polls=0)
        claims = self.bench.edits(submits=count, places=10**6)
        assert len(claims) == (0 if self.paused else min(count, self.queued))
        for claim in claims:
            self.bench.end([claim], EditState.FAILED if fails else EditState.COMPLETED)
            self.queued -= 1
            self.failed, self.others = self.failed + fails, self.others + (not fails)
            if fails:
                self.weigh()

    # --- what a person decides -------------------------------------------------------------------

    @rule()
    def retry(self) -> None:
        assert self.bench.ledger.producer.retry("b").sent == self.failed
        if self.failed:
            self.queued, self.failed, self.cancelled = self.queued + self.failed, 0, False
            self.weigh()

    @rule()
    def cancel(self) -> None:
        assert self.bench.ledger.producer.cancel("b") == self.queued
        self.cancelled = True
        if not self.sealed:
            self.sealed = True
            self.weigh()
        self.others, self.queued = self.others + self.queued, 0

    @rule(limit=st.one_of(st.just(""), LIMITS))
    def resume(self, limit: str) -> None:
        wanted = FailureLimit.parse(limit) if limit else None
        try:
            was = self.bench.ledger.producer.resume("b", limit)
        except BatchLimitError:
            assert wanted
            assert self.exceeds(wanted)
            return
        assert was is self.paused
        assert wanted is None or not self.exceeds(wanted)
        if wanted:
            self.limit, self.lifted = wanted, False
        elif self.paused:
            self.lifted = True
        self.paused = False

    @invariant()
    def the_ledger_agrees(self) -> None:
        view = self.bench.ledger.reader.batch("b")
        assert view is not None
        assert [pause.cause for pause in view.paused] == ["failures"] * self.paused
        assert view.max_failures == (None if self.lifted else str(self.limit))
        counts = {EditState.QUEUED: self.queued, EditState.FAILED: self.failed}
        assert {state: view.counts.get(state, 0) for state in counts} == counts


@pytest.fixture(scope="module", autouse=True)
def _on_a_server(server: redis.Redis) -> None:
    FailuresMachine.server = server


TestFailures = FailuresMachine.TestCase
TestFailures.settings = settings(max_examples=25, stateful_step_count=25)
