"""What submits cost: reserved before they are sent, and then spent, released, or doubtful for good."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from retouch.ledger import Claim, Entry, Policy, Settlement
from retouch.ledger.money import BatchMoney, DayMoney
from retouch.price import Price
from retouch.states import EditState
from tests.ledger_bench import HOLD, IDEMPOTENT, LEASE_MS, RESUBMIT, SUBMITTING, Bench

DAY_MS = 86_400_000
Money = tuple[int, int, int]  # spent, under way and doubtful, in cents


@pytest.fixture
def bench(bench: Bench) -> Iterator[Bench]:
    """A ledger with a price of a cent, at noon; at the end the sums over all batches are those of the batches."""
    bench.clock.now += DAY_MS // 2 - bench.clock.now % DAY_MS
    price(bench, "0.01 USD")
    yield bench
    counts, batches = bench.ledger.reader.figures().counts, bench.client.zrange(bench.keys.batches, 0, -1)
    for name in ("spent", "committed", "doubtful"):
        own = [bench.client.hget(bench.keys.batch(str(batch)), name) for batch in batches]
        assert counts.get(f"money:{name}", 0) == sum(int(micros or 0) for micros in own)


def price(bench: Bench, text: str) -> None:
    """An image costs so much from now on."""
    found = Price.parse(text)
    assert found is not None
    bench.ledger.producer.set_price(found)


def told(bench: Bench, batch: str = "b") -> BatchMoney:
    """A batch's money."""
    view = bench.ledger.reader.batch(batch)
    assert view is not None
    assert view.money is not None
    return view.money


def money(bench: Bench, batch: str = "b") -> Money:
    """A batch's sums in cents."""
    return cents_of(told(bench, batch))


def day(bench: Bench, before: int = 0) -> Money:
    """The sums of today, or of so many days before, in cents."""
    return cents_of(bench.ledger.reader.days(before + 1)[before])


def cents_of(found: BatchMoney | DayMoney) -> Money:
    """Sums in cents."""
    return int(100 * found.spent), int(100 * found.committed), int(100 * found.doubtful)


def begun(bench: Bench, count: int = 1, *, samples: int = 1) -> list[Claim]:
    """Edits whose POST may be under way."""
    bench.fill(count, samples=samples)
    claims = bench.edits()
    assert None not in bench.begin(claims)
    return claims


def again(bench: Bench) -> list[Claim]:
    """The same edits, claimed anew since their worker was not heard of."""
    bench.later(LEASE_MS + 1)
    return bench.edits()


def test_a_post_that_is_begun_reserves_what_its_images_cost(bench: Bench) -> None:
    """Of its batch, and of the day."""
    begun(bench, 2, samples=3)
    assert (money(bench), day(bench)) == ((0, 6, 0), (0, 6, 0))


def test_all_money_is_summed_for_as_long_as_the_ledger_lives(bench: Bench) -> None:
    """Over all batches, those that are removed too."""
    bench.accept(begun(bench, 2))
    bench.fill(1, batch="other")
    bench.begin(bench.edits())
    counts = bench.ledger.reader.figures().counts
    assert {name: n for name, n in counts.items() if name.startswith("money:")} == {
        "money:spent": 20_000,
        "money:committed": 10_000,
    }


def test_nothing_is_written_where_there_is_no_price(bench: Bench) -> None:
    """Neither with the edit, nor of the batch or the day; nothing is told of money."""
    bench.client.hdel(bench.keys.state, "price", "currency")
    bench.accept(begun(bench))
    assert bench.client.hexists(bench.keys.edit("b/c0"), "reserved") == 0
    assert bench.client.keys("*money*") == []
    assert "money" not in str(bench.client.hgetall(bench.keys.counts))
    assert bench.ledger.reader.batch("b").money is None  # type: ignore[union-attr]
    assert (bench.ledger.reader.price(), bench.ledger.reader.days()) == (None, [])


def test_the_same_call_reserves_once(bench: Bench) -> None:
    """Its answer was lost on the way, so the client makes it again."""
    bench.fill(1)
    claims = bench.edits()
    for _ in range(2):
        assert None not in bench.begin(claims, nonce="one call")
    assert money(bench) == (0, 1, 0)


def settle(bench: Bench, claims: list[Claim], to: EditState, **more: Any) -> None:
    """Settle submits so."""
    assert all(bench.ledger.worker.settle([Settlement(c, SUBMITTING, to, **more) for c in claims]))


ANSWERS: dict[str, tuple[Callable[[Bench, list[Claim]], None], Money]] = {
    "taken": (lambda bench, claims: bench.accept(claims), (1, 0, 0)),
    "finished at once": (lambda bench, claims: settle(bench, claims, EditState.COPYING, keep=True), (1, 0, 0)),
    "FAILURE": (lambda bench, claims: settle(bench, claims, EditState.FAILED), (1, 0, 0)),
    "429, 503, not sent": (lambda bench, claims: settle(bench, claims, EditState.QUEUED, untaken=True), (0, 0, 0)),
    "refused for good": (lambda bench, claims: settle(bench, claims, EditState.FAILED, unpaid=True), (0, 0, 0)),
    "refused once": (lambda bench, claims: bench.refuse(claims), (0, 0, 0)),
    "no answer": (lambda bench, claims: settle(bench, claims, EditState.SUBMITTING), (0, 1, 0)),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_answer_decides(bench: Bench, answer: str) -> None:
    """What was taken is spent, what was surely not is released, and where no answer came it stays set aside."""
    settle_so, expected = ANSWERS[answer]
    settle_so(bench, begun(bench))
    assert (money(bench), day(bench)) == (expected, expected)


def test_what_was_taken_stays_spent(bench: Bench) -> None:
    """Whatever follows: here it is lost, and then sent anew by a retry, which costs again; its result has both."""
    bench.accept(begun(bench))
    bench.later(1000)
    bench.end(bench.edits(), EditState.FAILED)
    assert money(bench) == (1, 0, 0)
    assert bench.ledger.producer.retry("b", anew=True).sent == 1
    assert money(bench) == (1, 0, 0)
    claims = bench.edits()
    bench.intend(claims)
    bench.end(claims)
    assert money(bench) == (2, 0, 0)
    [result] = bench.ledger.reader.results("b")
    assert result["cost"] == {"amount": 0.02, "currency": "USD"}


def test_a_submit_that_is_not_answered_is_doubtful_for_good(bench: Bench) -> None:
    """Sent once more it reserves anew; the edit fails when that is not answered either, and its result has both."""
    begun(bench)
    assert bench.intend(again(bench)) == [2]
    assert money(bench) == (0, 1, 1)
    assert bench.intend(again(bench)) == [None]
    assert (money(bench), day(bench)) == ((0, 0, 2), (0, 0, 2))
    [result] = bench.ledger.reader.results("b")
    assert (result["error"]["code"], result["cost"]) == ("ambiguous", {"amount": 0.02, "currency": "USD"})


def test_a_number_that_is_sent_again_is_paid_once(bench: Bench) -> None:
    """With an API that honours keys the same number is the same purchase, in the day of its first POST."""
    bench.clock.now += DAY_MS // 2 - 1000
    begun(bench)
    claims = again(bench)  # after midnight
    assert bench.intend(claims, IDEMPOTENT) == [1]
    assert money(bench) == (0, 1, 0)
    bench.accept(claims)
    assert money(bench) == (1, 0, 0)
    assert (day(bench), day(bench, 1)) == ((0, 0, 0), (1, 0, 0))


def test_a_refusal_of_what_was_sent_before_releases_nothing(bench: Bench) -> None:
    """The first send may have been taken all the same."""
    begun(bench)
    claims = again(bench)
    bench.intend(claims, IDEMPOTENT)
    settle(bench, claims, EditState.FAILED, unpaid=True)
    assert money(bench) == (0, 0, 1)


def test_an_edit_that_is_held_is_doubtful_and_its_retry_costs_anew(bench: Bench) -> None:
    """Nobody knows whether the API took it."""
    begun(bench)
    assert bench.intend(again(bench), HOLD) == [None]
    assert money(bench) == (0, 0, 1)
    bench.ledger.producer.retry("b", [EditState.HELD])
    bench.accept(begun_again(bench))
    assert money(bench) == (1, 0, 1)


def begun_again(bench: Bench) -> list[Claim]:
    """Claim and begin what is there."""
    claims = bench.edits()
    assert None not in bench.begin(claims)
    return claims


@pytest.mark.parametrize(("policy", "expected"), [(IDEMPOTENT, (1, 0, 0)), (RESUBMIT, (1, 0, 1))])
def test_what_was_cancelled_unanswered_is_doubtful_until_its_number_is_answered(
    bench: Bench, policy: Policy, expected: Money
) -> None:
    """A retry sends it again: under its number the answer settles it, under another one it is paid for once more."""
    settle(bench, begun(bench), EditState.SUBMITTING)
    assert bench.ledger.producer.cancel("b") == 1
    assert money(bench) == (0, 0, 1)
    bench.ledger.producer.retry("b", [EditState.CANCELLED])
    claims = bench.edits()
    assert None not in bench.begin(claims, policy)
    bench.accept(claims)
    assert (money(bench), day(bench)) == (expected, expected)
    bench.later(1000)
    bench.end(bench.edits())
    [result] = bench.ledger.reader.results("b")
    assert result["cost"]["amount"] == sum(expected) / 100


def test_an_edit_that_ends_its_workers_may_have_been_paid(bench: Bench) -> None:
    """Under its one number once, however often that was sent."""
    begun(bench)
    for _ in range(2):
        bench.intend(again(bench), IDEMPOTENT)
    assert again(bench) == []
    [result] = bench.ledger.reader.results("b")
    assert (result["error"]["code"], result["cost"]["amount"]) == ("poison", 0.01)
    assert money(bench) == (0, 0, 1)


def test_the_day_is_that_of_the_post(bench: Bench) -> None:
    """By UTC, and not that of the answer."""
    midnight = bench.clock.now + DAY_MS // 2
    bench.clock.now = midnight - 1
    first = begun(bench)
    bench.clock.now = midnight
    bench.accept(first)
    assert (day(bench), day(bench, 1)) == ((0, 0, 0), (1, 0, 0))


@pytest.mark.parametrize(
    "moment",
    ["1970-01-01", "2000-02-29", "2024-02-28T23:59:59.999", "2024-02-29", "2024-03-01", "2026-12-31T23:59:59.999"]
    + [
        f"{year}-{month:02}-{last:02}" for year in (2100, 2400) for month, last in ((2, 28), (3, 1), (10, 31), (12, 31))
    ],
)
def test_days_are_those_of_the_calendar(bench: Bench, moment: str) -> None:
    """Also at the ends of months, of years, and in years that leap or do not."""
    at = datetime.fromisoformat(f"{moment}{'T00:00' if 'T' not in moment else ''}+00:00")
    bench.clock.now = round(at.timestamp() * 1000)
    begun(bench)
    assert bench.client.exists(bench.keys.money(moment[:10])) == 1


def test_a_day_is_kept_for_400_days_and_not_begun_anew(bench: Bench) -> None:
    """What is decided later is counted in the batch alone."""
    claims = begun(bench)
    today = bench.keys.money(datetime.fromtimestamp(bench.clock.now / 1000, UTC).date().isoformat())
    assert timedelta(days=399) < timedelta(seconds=int(bench.client.ttl(today))) <= timedelta(days=400)
    bench.client.delete(today)
    bench.clock.now += DAY_MS
    bench.accept(claims)
    assert bench.client.exists(today) == 0
    assert money(bench) == (1, 0, 0)


def test_a_price_holds_from_the_next_submit_on(bench: Bench) -> None:
    """What is under way keeps what it was begun with."""
    first = begun(bench)
    price(bench, "image 0.5 USD")
    bench.accept(first)
    bench.fill(1, batch="other")
    bench.accept(begun_again(bench))
    assert (money(bench), money(bench, "other")) == ((1, 0, 0), (50, 0, 0))


def test_amounts_are_exact(bench: Bench) -> None:
    """Thirty times a third of a cent, to the millionth; nothing is a float."""
    price(bench, "0.003333 USD")
    bench.accept(begun(bench, 30))
    assert told(bench).spent == Decimal("0.09999")


def test_what_is_to_come_is_the_price_of_what_is_queued(bench: Bench) -> None:
    """Images, and not edits."""
    bench.write("b", [Entry("one", "d", "{}", 1, None), Entry("three", "e", "{}", 3, None)])
    assert told(bench).to_come == Decimal("0.04")
    bench.intend(bench.edits())
    assert told(bench).to_come == 0


def test_results_without_cost_say_so(bench: Bench) -> None:
    """An edit that was refused for good has cost nothing."""
    settle(bench, begun(bench), EditState.FAILED, unpaid=True)
    [result] = bench.ledger.reader.results("b")
    assert result["cost"] is None
    assert bench.client.hexists(bench.keys.edit("b/c0"), "reserved") == 0
