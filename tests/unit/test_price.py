"""Prices and budgets, as people write them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from retouch.errors import InputError
from retouch.ledger.money import BatchMoney, Money
from retouch.price import Budget, Price


@pytest.mark.parametrize(
    ("text", "shown", "micros"),
    [
        ("0.0035 USD", "0.0035 USD", 3500),
        ("image 0.0035 USD", "0.0035 USD", 3500),
        (" image  0,5eur ", "0.50 EUR", 500_000),
        ("0.000001 €", "0.000001 EUR", 1),
        ("$0.5", "0.50 USD", 500_000),
        ("image £ 0.5", "0.50 GBP", 500_000),
        ("1000000 USD", "1000000.00 USD", 10**12),
        ("0 USD", "0.00 USD", 0),
    ],
)
def test_a_price_is_an_amount_and_a_currency(text: str, shown: str, micros: int) -> None:
    """To the millionth; ``image`` may stand before it."""
    price = Price.parse(text)
    assert price is not None
    assert (str(price), price.micros) == (shown, micros)
    assert Price.of_micros(micros, price.currency) == price
    assert Price.from_json(price.to_json()) == price


def test_amounts_beside_each_other_have_one_number_of_digits() -> None:
    """Two, or as many as the one needs that has the most: none is rounded."""
    assert str(Money("USD", Decimal("12"), Decimal("0.1"), Decimal(0))) == "12.00 USD spent, 0.10 USD under way"
    money = BatchMoney("USD", Decimal("0.22"), Decimal("0.1"), Decimal(0), Decimal("0.0035"), Decimal("20"))
    assert str(money) == ("0.2200 USD spent, 0.1000 USD under way, about 0.0035 USD to come; its budget is 20.0000 USD")


@pytest.mark.parametrize(
    "text", ["5", "USD", "0.0000001 USD", "-1 USD", "1e3 USD", "1000001 USD", "call 1 USD", "nan USD"]
)
def test_what_is_no_price_is_refused(text: str) -> None:
    """In one sentence that says what to write."""
    with pytest.raises(InputError, match="is not a price of one image, such as"):
        Price.parse(text)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (20, (20_000_000, "")),
        (0.1, (100_000, "")),
        (Decimal("12.345678"), (12_345_678, "")),
        ("20 usd", (20_000_000, "USD")),
        ("20,5€", (20_500_000, "EUR")),
        ("$20", (20_000_000, "USD")),
        ("€ 0,40", (400_000, "EUR")),
        ("0,125", (125_000, "")),
        ("USD 1.000", (1_000_000, "USD")),
        ("0", (0, "")),
        ("999999999.999999", (999_999_999_999_999, "")),
    ],
)
def test_a_budget_is_an_amount_perhaps_with_a_currency(given: Any, expected: tuple[int, str]) -> None:
    """As a number, or as text; its text is read as the same."""
    budget = Budget.parse(given)
    assert budget == expected
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize(
    "given",
    ["", "all", -1, True, float("nan"), float("inf"), 1e-9, 1e12, "1 2", "5 dollars", "٣", "$5 USD", "1.000,50"],
)
def test_what_is_no_budget_is_refused(given: Any) -> None:
    """In one sentence that says what to write."""
    with pytest.raises(InputError, match="write an amount of money, such as 20 or"):
        Budget.parse(given)


@pytest.mark.parametrize("parse", [Budget.parse, Price.parse])
@pytest.mark.parametrize("text", ["1,000 USD", "$12,500"])
def test_an_amount_that_may_be_a_thousand_times_as_much_is_asked_about(parse: Any, text: str) -> None:
    """One USD, or a thousand: a guess would spend it, or pause a batch."""
    with pytest.raises(InputError, match=r"is that 1\.000 or 1000\?|is that 12\.500 or 12500\?"):
        parse(text)
