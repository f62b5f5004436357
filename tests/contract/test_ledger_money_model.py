"""Random moves against a book of what an API may have taken: the ledger counts no less, and never above a budget."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from retouch.causes import AmbiguityPolicy, Fared
from retouch.ledger import Claim, Entry, Policy, Seen, Settlement
from retouch.ledger.money import BatchMoney
from retouch.price import MICRO, Budget, Price
from retouch.states import EditState
from tests.ledger_bench import LEASE_MS, SUBMITTING, Bench

BATCHES = ("a", "b")
PRICE = 3
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
PERSONS = (EditState.FAILED, EditState.CANCELLED, EditState.HELD)
Purchase = tuple[str, int]  # an edit, and the number of its submit


@dataclass
class Entered:
    """A submit in the book: whether the API took it (None: nobody knows), what that costs, the day it began."""

    taken: bool | None
    cost: int
    day: str


class MoneyMachine(RuleBasedStateMachine):
    """Workers that die, APIs that take or refuse or say nothing, people who change their minds; days that turn.

    The book has every submit that was sent: whether the API took it, surely did not, or perhaps did. The price changes
    while submits are under way, and the clock is set back, also to the day before.
    """

    server: redis.Redis

    @initialize(
        policy=st.sampled_from(AmbiguityPolicy),
        budgets=st.tuples(*[st.sampled_from([None, 2, 7, 20])] * 2),
        daily=st.sampled_from([0, 5, 25]),
    )
    def begin(self, policy: AmbiguityPolicy, budgets: tuple[int | None, int | None], daily: int) -> None:
        self.server.flushall()
        self.bench = Bench(self.server)
        self.bench.clock.now += DAY_MS // 2 - self.bench.clock.now % DAY_MS
        self.policy = Policy(policy)
        self.daily = daily * PRICE
        self.change_price(PRICE)
        self.book: dict[Purchase, Entered] = {}
        self.samples: dict[str, int] = {}
        self.most: dict[str, int | None] = {}
        self.open: dict[
            str, tuple[Claim, int, bool]
        ] = {}  # sent and not answered: its claim, its number, whether again
        for batch, budget in zip(BATCHES, budgets, strict=True):
            self.most[batch] = None if budget is None else budget * PRICE
            new = [Entry(f"c{n}", "d", "{}", 1 + n % 3, None) for n in range(6)]
            self.bench.write(batch, new, budget=None if budget is None else Budget(budget * PRICE))
            self.samples |= {f"{batch}/{e.custom_id}": e.samples for e in new}

    # --- workers ---------------------------------------------------------------------------------

    @rule(count=st.integers(1, 8), twice=st.booleans(), dies=st.booleans(), late=st.sampled_from([0, 0, 0, 13]))
    def send(self, count: int, twice: bool, dies: bool, late: int) -> None:
        claims = [c for c in self.bench.edits(submits=count) if c.step == "submit"]
        self.bench.clock.now += late * HOUR_MS
        nonce = f"at {self.bench.clock.now} {len(self.book)}"
        for _ in range(1 + twice):
            begun = self.bench.ledger.worker.begin_submit(claims, self.policy, LEASE_MS, nonce=nonce, daily=self.daily)
        self.bench.clock.now += 1
        for claim, one in zip(claims, begun, strict=True):
            if one:
                entered = self.book.get((claim.member, one.number))
                if entered is None or entered.taken is False:  # or its number was free again
                    cost, day = self.samples[claim.member] * self.price, self.today()
                    self.book[claim.member, one.number] = Entered(None, cost, day)
                self.open[claim.member] = (claim, one.number, one.again)
        if dies:
            self.open.clear()
            self.bench.later(2 * LEASE_MS + 1)

    @rule(how=st.sampled_from(["taken", "FAILURE", "throttled", "refused", "silent", "struck"]), data=st.data())
    def answer(self, how: str, data: st.DataObject) -> None:
        if not self.open:
            return
        member = data.draw(st.sampled_from(sorted(self.open)))
        claim, number, again = self.open.pop(member)
        settlement = self.settlement(claim, how, again)
        (settled,) = self.bench.ledger.worker.settle([settlement])
        taken = how in ("taken", "FAILURE")
        surely_not = how in ("throttled", "refused") and not again
        if taken or (surely_not and settled):
            self.book[member, number].taken = taken

    def settlement(self, claim: Claim, how: str, again: bool) -> Settlement:
        back = EditState.SUBMITTING if again else EditState.QUEUED
        if how == "taken":
            return Settlement(
                claim, SUBMITTING, EditState.COPYING, keep=True, deadline_ms=10**6, put={"provider_id": "p"}
            )
        if how == "FAILURE":
            return Settlement(claim, SUBMITTING, EditState.FAILED, error='{"code":"failure","message":"no"}')
        if how == "throttled":
            return Settlement(claim, SUBMITTING, back, untaken=not again)
        if how == "refused":
            return Settlement(claim, SUBMITTING, EditState.FAILED, unpaid=True)
        seen = (Seen("submit", self.bench.clock.now, Fared.ANSWERED, ""),)
        return Settlement(claim, SUBMITTING, EditState.SUBMITTING, seen=seen)

    @rule()
    def finish(self) -> None:
        """What was taken comes to an end, well or not."""
        for claim in self.bench.edits(submits=0):
            if claim.step == "poll":
                self.bench.ledger.worker.settle([Settlement(claim, (EditState.COPYING,), EditState.COMPLETED)])

    @rule(ms=st.sampled_from([500, LEASE_MS + 1, 20_000]))
    def time_passes(self, ms: int) -> None:
        self.bench.later(ms)

    @rule(hours=st.sampled_from([-13, -1, 1, 13, 24]))
    def the_clock_is_set(self, hours: int) -> None:
        self.bench.clock.now += hours * HOUR_MS
        self.bench.later(1)

    # --- people ----------------------------------------------------------------------------------

    @rule(price=st.integers(1, 3 * PRICE))
    def change_price(self, price: int) -> None:
        self.price = price
        self.bench.ledger.producer.set_price(Price.of_micros(price, "USD"))

    @rule(batch=st.sampled_from(BATCHES), budget=st.sampled_from([None, 1, 5, 11, 30]))
    def change_budget(self, batch: str, budget: int | None) -> None:
        self.bench.ledger.producer.set_budget(batch, None if budget is None else Budget(budget * PRICE))
        used = self.money(batch).used * MICRO
        self.most[batch] = None if budget is None else max(budget * PRICE, int(used))

    @rule(batch=st.sampled_from(BATCHES), state=st.sampled_from(PERSONS), anew=st.booleans())
    def retry(self, batch: str, state: EditState, anew: bool) -> None:
        self.bench.ledger.producer.retry(batch, [state], anew=anew)

    @rule(batch=st.sampled_from(BATCHES))
    def cancel(self, batch: str) -> None:
        self.bench.ledger.producer.cancel(batch)

    @rule(batch=st.sampled_from(BATCHES))
    def resume(self, batch: str) -> None:
        self.bench.ledger.producer.resume(batch)

    # --- what always holds -----------------------------------------------------------------------

    def today(self) -> str:
        return datetime.fromtimestamp(self.bench.clock.now / 1000, UTC).date().isoformat()

    def days(self) -> dict[str, dict[str, int]]:
        beginning = self.bench.keys.money("")
        keys = [str(key) for key in self.server.keys(f"{beginning}*")]
        sums = [self.server.hgetall(key).items() for key in keys]
        return {
            key.removeprefix(beginning): {str(name): int(micros) for name, micros in found}
            for key, found in zip(keys, sums, strict=True)
        }

    def money(self, batch: str) -> BatchMoney:
        view = self.bench.ledger.reader.batch(batch)
        assert view is not None
        assert view.money is not None
        return view.money

    @invariant()
    def no_less_is_counted_than_may_be_paid(self) -> None:
        for batch in BATCHES:
            book = Counter[bool | None]()
            for (member, _), entered in self.book.items():
                if member.startswith(f"{batch}/"):
                    book[entered.taken] += entered.cost
            found = self.money(batch)
            assert min(found.spent, found.committed, found.doubtful) >= 0
            assert found.used * MICRO >= book[True] + book[None], (found, book)
            assert found.spent * MICRO <= book[True], (found, book)

    @invariant()
    def nothing_is_above_a_budget(self) -> None:
        for batch in BATCHES:
            most = self.most[batch]
            assert most is None or self.money(batch).used * MICRO <= most

    @invariant()
    def a_day_has_what_began_on_it_and_no_more_than_it_may(self) -> None:
        book = Counter[str]()
        for entered in self.book.values():
            book[entered.day] += entered.cost if entered.taken is not False else 0
        for day in {*book, *self.days()}:
            used = sum(self.days().get(day, {}).values())
            assert used >= book[day], (day, used, book)
            assert not self.daily or used <= self.daily

    @invariant()
    def days_and_results_add_up(self) -> None:
        batches = [self.money(batch) for batch in BATCHES]
        for name in ("spent", "committed", "doubtful"):
            in_days = sum(sums.get(name, 0) for sums in self.days().values())
            assert sum(getattr(one, name) for one in batches) * MICRO == in_days
        for batch, money in zip(BATCHES, batches, strict=True):
            paid = sum(
                int(self.server.hget(self.bench.keys.edit(m), "paid") or 0) for m in self.samples if m[0] == batch
            )
            assert paid == (money.spent + money.doubtful) * MICRO


@pytest.fixture(scope="module", autouse=True)
def _on_a_server(server: redis.Redis) -> None:
    MoneyMachine.server = server


MoneyMachine.TestCase.settings = settings(stateful_step_count=30, max_examples=40)
TestMoneyModel = MoneyMachine.TestCase
