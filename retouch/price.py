"""What images cost: the price of one (``RETOUCH_PRICE``, ``retouch price``), and what may be spent (budgets).

Sums are kept in whole micro-units of the currency: a millionth of a dollar, of a euro.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple, Self

from retouch.errors import InputError
from retouch.records.money import PriceRecord

MICRO = 1_000_000
DEAREST = 1_000_000  # units of the currency for one image, so that no sum leaves what a float holds exactly
_AMOUNT = r"([0-9]{1,9}(?:[.,][0-9]{1,6})?)"
_CURRENCY = r"([A-Za-z]{3}|[$€£¥])"
_MONEY = re.compile(rf"{_CURRENCY}?\s*{_AMOUNT}\s*{_CURRENCY}?")
_IMAGE = re.compile(r"image\s+")
_THOUSANDS = re.compile(r"[1-9][0-9]*,[0-9]{3}")  # or a decimal comma: nobody can know
_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}


class Price(NamedTuple):
    """The price of an image, or of some."""

    amount: Decimal
    currency: str

    @classmethod
    def parse(cls, text: str, what: str = "RETOUCH_PRICE") -> Self | None:
        """Read ``0.0035 USD`` or ``image 0.0035 USD``; None if it is empty. Raises InputError, which names ``what``."""
        if not text.strip():
            return None
        found = _money(_IMAGE.sub("", text.strip(), count=1), what)
        price = cls(*found) if found and found[1] else None
        if price is None or price.amount > DEAREST:
            raise InputError(
                f"{what}: {text[:40]!r} is not a price of one image, such as 0.0035 USD (a million at most, with"
                " six digits after the point at most)"
            )
        return price

    @classmethod
    def of_micros(cls, micros: int, currency: str) -> Self:
        """An amount as the ledger keeps it."""
        return cls((Decimal(micros) / MICRO).normalize(), currency)

    @property
    def micros(self) -> int:
        """The same in micro-units."""
        return int(self.amount * MICRO)

    def of(self, images: int) -> Self:
        """What so many images cost, to the cent, and to the last digit of the price below that."""
        total = self.amount * images
        cents = total.quantize(Decimal("0.01"))
        return self._replace(amount=cents if cents >= 1 else total.normalize())

    @classmethod
    def from_json(cls, raw: PriceRecord) -> Self:
        """Read what ``to_json`` has made."""
        return cls(Decimal(str(raw["amount"])), raw["currency"])

    def to_json(self) -> PriceRecord:
        """As programs read it."""
        return {"amount": float(self.amount), "currency": self.currency}

    def __str__(self) -> str:
        return f"{self.amount:.{digits(self.amount)}f} {self.currency}"


class Budget(NamedTuple):
    """What may be spent; ``currency``: empty for that of the price, whatever it is."""

    micros: int
    currency: str = ""

    @classmethod
    def parse(cls, budget: float | Decimal | str, what: str = "budget") -> Self:
        """Read ``20``, ``20.5``, ``"20 USD"`` or ``"$20"``; raises InputError."""
        found = _money(str(budget).strip(), what) if not isinstance(budget, bool) else None
        if found is None:
            raise InputError(
                f"{what} is {str(budget)[:40]!r}: write an amount of money, such as 20 or '20.50 USD' (nine digits"
                " before the point at most, and six after it)"
            )
        return cls(int(found[0] * MICRO), found[1])

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}" if self.currency else f"{self.amount:f}"

    @property
    def amount(self) -> Decimal:
        """In units of the currency."""
        return (Decimal(self.micros) / MICRO).normalize()


def other_budget(batch: str, found: int, budget: Budget) -> str:
    """What is wrong where a batch is given another budget than before (``found``, in micro-units)."""
    return (
        f"batch {batch} was given a budget of {Budget(found)} before, and not {budget}: leave it as it was; to change"
        f" what holds: retouch budget {batch} {Budget(budget.micros)}"
    )


def digits(*amounts: Decimal) -> int:
    """How many digits after the point all of these are written with, so that they can be compared: two, or more."""
    return max(2, *(-int(amount.normalize().as_tuple().exponent) for amount in amounts))


def _money(text: str, what: str) -> tuple[Decimal, str] | None:
    """An amount and its currency, which may be empty; None: it is none. Raises InputError for one that may be two."""
    found = _MONEY.fullmatch(text)
    if found is None or (found[1] and found[3]):
        return None
    amount, currency = found[2], (found[1] or found[3] or "").upper()
    if _THOUSANDS.fullmatch(amount):
        one, thousand = amount.replace(",", "."), amount.replace(",", "")
        raise InputError(f"{what} is {text[:40]!r}: is that {one} or {thousand}? Write one of these")
    return Decimal(amount.replace(",", ".")), _SIGNS.get(currency, currency)
