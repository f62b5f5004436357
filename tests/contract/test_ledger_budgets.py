"""Budgets: what a batch, and what a day, may cost; nothing is sent beyond it, and who waits for it is told."""

from __future__ import annotations

from decimal import Decimal

import pytest

from retouch.causes import BatchPause
from retouch.errors import BatchBudgetError, InputError
from retouch.ledger import Claim, Settlement
from retouch.price import Budget, Price
from retouch.states import EditState
from tests.contract.test_ledger_money import DAY_MS, day, money, price, told
from tests.ledger_bench import LEASE_MS, RESUBMIT, SUBMITTING, Bench, entries


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """A ledger with a price of a cent, at noon."""
    bench.clock.now += DAY_MS // 2 - bench.clock.now % DAY_MS
    price(bench, "0.01 USD")
    return bench


CENT = 10_000  # micro-units


def cents(count: int) -> Budget:
    """So many cents."""
    return Budget(count * CENT)


def fill(bench: Bench, count: int, budget: Budget | None, *, batch: str = "b", samples: int = 1) -> None:
    """A batch with a budget."""
    bench.write(batch, entries(count, samples=samples), budget=budget)
    bench.ledger.producer.seal(batch)


def sent(bench: Bench, *, daily: int = 0, claims: list[Claim] | None = None) -> list[Claim]:
    """Claim what there is, and begin it: what is sent of it."""
    claims = bench.edits() if claims is None else claims
    begun = bench.ledger.worker.begin_submit(claims, RESUBMIT, LEASE_MS, nonce=str(bench.clock.now), daily=daily)
    bench.clock.now += 1
    return [claim for claim, one in zip(claims, begun, strict=True) if one]


def paused(bench: Bench, batch: str = "b") -> dict[str, str]:
    """A batch's pauses."""
    view = bench.ledger.reader.batch(batch)
    assert view is not None
    return {pause.cause: pause.reason for pause in view.paused}


def test_a_batch_pauses_at_the_first_edit_that_does_not_fit(bench: Bench) -> None:
    """Exactly what fits is sent, in one claim; the reason has every amount; another batch goes on."""
    fill(bench, 9, cents(5), samples=2)
    fill(bench, 2, None, batch="other")
    assert [c.member for c in sent(bench)] == ["b/c0", "other/c0", "b/c1", "other/c1"]
    assert money(bench) == (0, 4, 0)
    reason = "its budget of 0.05 USD: 0.00 USD spent, 0.04 USD under way, and the next edit costs 0.02 USD"
    assert paused(bench) == {"budget": reason}
    assert sent(bench) == []
    assert bench.counts() == {"queued": 7, "submitting": 2}


def test_only_another_budget_lets_it_go_on(bench: Bench) -> None:
    """Not a person's resume, which ends what else holds it; then its edits stand where they stood."""
    fill(bench, 4, cents(2))
    bench.accept(sent(bench))
    assert list(paused(bench)) == ["budget"]
    bench.ledger.producer.pause("b", BatchPause.PERSON, "by hand")
    assert bench.ledger.producer.resume("b")
    assert not bench.ledger.producer.resume("b")
    assert list(paused(bench)) == ["budget"]
    assert bench.ledger.producer.set_budget("b", cents(2))
    assert list(paused(bench)) == ["budget"]
    assert bench.ledger.producer.set_budget("b", cents(3))
    assert paused(bench) == {}
    bench.claim(submits=0)
    assert [c.member for c in sent(bench)] == ["b/c2"]
    assert list(paused(bench)) == ["budget"]


def test_a_batch_may_cost_any_amount_again(bench: Bench) -> None:
    """Without its budget it is paused no more."""
    fill(bench, 4, cents(1))
    sent(bench)
    assert bench.ledger.producer.set_budget("b", None)
    bench.claim(submits=0)
    assert (len(sent(bench)), paused(bench), told(bench).budget) == (3, {}, None)
    assert not bench.ledger.producer.set_budget("none", cents(1))


def test_a_lower_price_makes_room(bench: Bench) -> None:
    """In budgets, and in the day's; a higher one makes none."""
    fill(bench, 4, cents(3), samples=2)
    assert len(sent(bench)) == 1
    price(bench, "0.02 USD")
    assert list(paused(bench)) == ["budget"]
    price(bench, "0.005 USD")
    assert paused(bench) == {}
    bench.claim(submits=0)
    assert len(sent(bench, daily=int(2.5 * CENT))) == 0
    assert list(bench.pauses()) == ["submit:budget"]
    price(bench, "0.0025 USD")
    assert bench.pauses() == {}
    assert len(sent(bench, daily=int(2.5 * CENT))) == 1


def test_what_the_api_did_not_take_makes_room(bench: Bench) -> None:
    """Once nothing is under way any more, the batch goes on by itself: nothing of its budget is left over."""
    fill(bench, 4, cents(2))
    first, second = sent(bench)
    assert list(paused(bench)) == ["budget"]
    bench.ledger.worker.settle([Settlement(first, SUBMITTING, EditState.QUEUED, untaken=True)])
    assert list(paused(bench)) == ["budget"]
    bench.accept([second])
    assert paused(bench) == {}
    bench.claim(submits=0)
    assert len(sent(bench)) == 1
    assert (money(bench), list(paused(bench))) == ((1, 1, 0), ["budget"])


def test_the_money_is_looked_at_when_a_post_begins(bench: Bench) -> None:
    """What was claimed before, by any number of workers, is sent as long as it fits, and no longer."""
    fill(bench, 9, cents(4))
    claims = [bench.edits(submits=3) for _ in range(3)]
    assert [len(sent(bench, claims=some)) for some in reversed(claims)] == [3, 1, 0]
    assert money(bench) == (0, 4, 0)
    assert bench.ledger.reader.provider().places_used == 4


def test_a_resubmit_needs_money_too(bench: Bench) -> None:
    """It waits with what is doubtful; with more money it goes."""
    fill(bench, 1, cents(1))
    sent(bench)
    bench.later(2 * LEASE_MS + 1)
    assert sent(bench) == []
    assert list(paused(bench)) == ["budget"]
    assert bench.edits() == []
    bench.ledger.producer.set_budget("b", cents(2))
    bench.later(2000)
    assert [c.member for c in sent(bench)] == ["b/c0"]
    assert money(bench) == (0, 1, 1)


def test_a_budget_needs_a_price_and_its_currency(bench: Bench) -> None:
    """Nothing is added; a batch that was given one keeps it, and takes no other from a producer."""
    with pytest.raises(InputError, match="counted in USD here"):
        fill(bench, 1, Budget(CENT, "EUR"))
    fill(bench, 1, Budget(CENT, "USD"))
    with pytest.raises(BatchBudgetError):
        fill(bench, 2, cents(2))
    bench.ledger.producer.set_budget("b", cents(7))
    fill(bench, 2, Budget(CENT, "USD"))
    assert told(bench).budget == Decimal("0.07")
    with pytest.raises(InputError, match="counted in USD here"):
        bench.ledger.producer.set_budget("b", Budget(CENT, "EUR"))
    bench.client.flushall()
    with pytest.raises(InputError, match="a budget needs a price"):
        fill(bench, 1, cents(1))
    assert bench.ledger.reader.batch("b") is None


def test_the_currency_stays_once_something_was_counted(bench: Bench) -> None:
    """Before, a mistaken one can be mended."""
    price(bench, "0.02 EUR")
    fill(bench, 1, cents(2))
    with pytest.raises(InputError, match="counted in EUR here"):
        price(bench, "0.01 USD")
    assert str(bench.ledger.reader.price()) == "0.02 EUR"


def test_a_day_s_budget_pauses_all_submits_until_midnight(bench: Bench) -> None:
    """Of all batches together; the next day has its own."""
    fill(bench, 4, None)
    fill(bench, 1, None, batch="other")
    assert len(sent(bench, daily=3 * CENT)) == 3
    reason = "the daily budget of 0.03 USD: 0.00 USD spent, 0.03 USD under way, and the next edit costs 0.01 USD"
    assert bench.pauses() == {"submit:budget": reason}
    assert paused(bench) == {}
    bench.clock.now += DAY_MS // 2 - 1000
    assert bench.edits() == []
    bench.clock.now += 1000
    assert len(sent(bench, daily=3 * CENT)) == 2
    assert (bench.pauses(), day(bench)) == ({}, (0, 2, 0))


def test_a_clock_that_is_set_back_ends_the_pause_of_a_day_to_come(bench: Bench) -> None:
    """The day that it is has money still; else it would be waited for, for as long as the clock was wrong."""
    fill(bench, 3, None)
    bench.clock.now += 10 * DAY_MS
    assert len(sent(bench, daily=CENT)) == 1
    assert list(bench.pauses()) == ["submit:budget"]
    bench.clock.now -= 10 * DAY_MS
    bench.claim(submits=0)
    assert bench.pauses() == {}
    assert len(sent(bench, daily=CENT)) == 1
    assert list(bench.pauses()) == ["submit:budget"]
    bench.claim(submits=0)
    assert list(bench.pauses()) == ["submit:budget"]


def test_a_day_goes_on_with_what_was_not_taken(bench: Bench) -> None:
    """As a batch does."""
    fill(bench, 3, None)
    claims = sent(bench, daily=2 * CENT)
    settled = [Settlement(c, SUBMITTING, EditState.QUEUED, untaken=True) for c in claims]
    assert list(bench.pauses()) == ["submit:budget"]
    bench.ledger.worker.settle(settled)
    assert bench.pauses() == {}
    assert len(sent(bench, daily=2 * CENT)) == 2


@pytest.mark.parametrize(("daily", "ends"), [(CENT, False), (2 * CENT, True), (0, True)])
def test_a_worker_with_a_higher_daily_budget_ends_the_pause(bench: Bench, daily: int, ends: bool) -> None:
    """When it starts."""
    fill(bench, 2, None)
    assert len(sent(bench, daily=CENT)) == 1
    assert bench.ledger.worker.agree_price(None, daily) == Price.parse("0.01 USD")
    assert (bench.pauses() == {}) is ends


def test_the_first_worker_s_price_holds(bench: Bench) -> None:
    """Another worker is told which one that is; a person's is there before any worker's."""
    theirs, ours = Price.parse("0.01 USD"), Price.parse("0.02 EUR")
    assert bench.ledger.worker.agree_price(ours) == theirs
    bench.client.flushall()
    assert bench.ledger.worker.agree_price(None) is None
    assert bench.ledger.worker.agree_price(ours) == ours
    assert bench.ledger.worker.agree_price(theirs) == ours
    assert bench.ledger.reader.price() == ours
