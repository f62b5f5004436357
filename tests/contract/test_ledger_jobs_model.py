"""Random jobs beside each other, workers, pauses and budgets: each does what was counted, once, and no more."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from retouch.ledger import Action, JobState, Settlement, Which
from retouch.ledger.constants import CHANGED_AT_ONCE
from retouch.ledger.jobs import CHANGEABLE
from retouch.price import MICRO, Budget, Price
from retouch.states import LETTERS, EditState
from tests.ledger_bench import HOLD, LEASE_MS, SUBMITTING, Bench, entries

SIZE = 2 * CHANGED_AT_ONCE + 30  # three pages
STATES = {ord(letter): state for state, letter in LETTERS.items()}
FAILURE = '{"code":"failure","message":"no"}'


@dataclass
class Doing:
    """A job as a person knows it: each edit as it stood at the count, with how often was decided about it by then."""

    id: str
    action: Action
    stood: dict[int, tuple[EditState, int]]
    changed: set[int] = field(default_factory=set)


class JobsMachine(RuleBasedStateMachine):
    """Several people decide at once about the edits of a batch whose workers are at work, and die."""

    server: redis.Redis

    @initialize(limit=st.sampled_from(["", "40", "30%"]), budget=st.sampled_from([None, 100, 300]))
    def begin(self, limit: str, budget: int | None) -> None:
        self.server.flushall()
        self.bench = Bench(self.server)
        self.bench.ledger.producer.set_price(Price.of_micros(1, "USD"))
        self.budget = budget
        given = None if budget is None else Budget(budget)
        self.bench.write("b", entries(SIZE), max_failures=limit, budget=given)
        self.bench.ledger.producer.seal("b")
        self.jobs: list[Doing] = []
        self.decided = Counter[int]()  # place → how often a person's job has changed it
        self.retried = Counter[int]()  # place → how often it was to be submitted once more
        self.sent = Counter[int]()  # place → how many of its submits have begun

    # --- workers ---------------------------------------------------------------------------------

    @rule(
        count=st.integers(1, 150), how=st.sampled_from(["failed", "completed", "back", "silent", "silent", "claimed"])
    )
    def work(self, count: int, how: str) -> None:
        claims = [one for one in self.bench.edits(submits=count, places=1000) if one.step == "submit"]
        if how == "claimed":
            self.bench.later(LEASE_MS + 1 if count % 2 else 1)
            return
        begun = [c for c, one in zip(claims, self.bench.begin(claims, HOLD), strict=True) if one]
        self.sent.update(int(claim.member.removeprefix("b/c")) for claim in begun)
        if how == "silent":
            self.bench.later(LEASE_MS + 1)
            sent = {claim.member for claim in begun}
            self.bench.begin([one for one in self.bench.edits(places=1000) if one.member in sent], HOLD)
            return
        to = EditState.QUEUED if how == "back" else EditState(how)
        error = FAILURE if how == "failed" else None
        back = to is EditState.QUEUED
        self.bench.ledger.worker.settle([Settlement(c, SUBMITTING, to, error=error, untaken=back) for c in begun])
        if back:
            self.sent.subtract(int(claim.member.removeprefix("b/c")) for claim in begun)

    # --- people ----------------------------------------------------------------------------------

    @rule(action=st.sampled_from(["retry", "anew", "cancel"]), first=st.integers(0, 2))
    def count(self, action: Action, first: int) -> None:
        states = sorted(CHANGEABLE[action])[first:] or [EditState.HELD]
        before = self.states()
        job = self.bench.ledger.jobs.count("b", action, Which.of(action, states))
        assert self.states() == before
        assert job is not None
        assert job.state is JobState.COUNTED
        assert job.cost is not None
        assert job.cost.amount * MICRO == job.to_send
        assert job.to_ask + job.to_send == (job.counted if action != "cancel" else 0)
        chosen = {*states, *SUBMITTING} if action == "cancel" and EditState.QUEUED in states else {*states}
        stood = {place: (state, self.decided[place]) for place, state in enumerate(before) if state in chosen}
        assert job.counted <= len(stood)
        assert job.counted >= sum(state not in SUBMITTING for state, _ in stood.values())
        self.jobs.append(Doing(job.id, action, stood))

    @precondition(lambda self: self.jobs)
    @rule(which=st.integers(1, 4), pages=st.integers(1, 4), stops=st.integers(0, 5))
    def advance(self, which: int, pages: int, stops: int) -> None:
        """Any driver does the next pages of any job; the first has started it."""
        job = self.jobs[-min(which, len(self.jobs))]
        self.bench.ledger.jobs.start(job.id)
        for _ in range(pages):
            before = self.states()
            self.bench.ledger.jobs.advance(job.id)
            self.see(job, before, self.states())
        if not stops:
            self.bench.ledger.jobs.stop(job.id)

    def see(self, job: Doing, before: list[EditState], after: list[EditState]) -> None:
        """What a page has changed is what was counted, as it stood then, and was not changed by the job before."""
        for place, (was, is_) in enumerate(zip(before, after, strict=True)):
            if was is is_:
                continue
            stood, decided = job.stood[place]
            assert place not in job.changed
            assert self.decided[place] == decided, (job, place, stood, was, is_)
            assert was is stood or job.action == "cancel", (job, place, stood, was, is_)
            assert is_ is (EditState.CANCELLED if job.action == "cancel" else EditState.QUEUED)
            job.changed.add(place)
            self.decided[place] += 1
            self.retried[place] += job.action != "cancel"

    @rule(more=st.sampled_from([1, 50, 500]))
    def let_it_go_on(self, more: int) -> None:
        self.bench.ledger.producer.resume("b")
        if self.budget is not None:
            self.budget += more
            self.bench.ledger.producer.set_budget("b", Budget(self.budget))

    # --- what always holds -----------------------------------------------------------------------

    def states(self) -> list[EditState]:
        return [STATES[byte] for byte in self.bench.ledger.strips.states("b")]

    @invariant()
    def a_job_tells_exactly_what_it_did(self) -> None:
        for doing in self.jobs:
            job = self.bench.ledger.jobs.job(doing.id)
            if job is None:  # pushed out by newer counts
                continue
            assert job.changed == len(doing.changed)
            assert job.done <= job.counted
            assert job.state is not JobState.DONE or job.done == job.counted

    @invariant()
    def nothing_is_sent_that_nobody_asked_for(self) -> None:
        assert all(sent <= 1 + self.retried[place] for place, sent in self.sent.items())

    @invariant()
    def counts_and_money_are_exact(self) -> None:
        view = self.bench.ledger.reader.batch("b")
        assert view is not None
        assert Counter(self.states()) == Counter(view.counts)
        assert view.money is not None
        assert self.budget is None or view.money.used * MICRO <= self.budget
        assert view.money.used * MICRO == self.sent.total()


@pytest.fixture(scope="module", autouse=True)
def _on_a_server(server: redis.Redis) -> None:
    JobsMachine.server = server


JobsMachine.TestCase.settings = settings(stateful_step_count=30, max_examples=20)
TestJobsModel = JobsMachine.TestCase
