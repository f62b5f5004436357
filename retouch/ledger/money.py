"""What batches and days cost, as the ledger counts it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from retouch.price import MICRO, Price, digits
from retouch.records.money import DayRecord, MoneyRecord, MoneySumRecord

_SUMS = ("spent", "committed", "doubtful")


@dataclass(frozen=True, slots=True)
class Money:
    """What was ``spent`` for sure, what is ``committed`` to submits under way, and what is ``doubtful``.

    Doubtful are submits that were sent and not answered: they may have been paid for. In units of the currency.
    """

    currency: str
    spent: Decimal
    committed: Decimal
    doubtful: Decimal

    @property
    def used(self) -> Decimal:
        """All of it together: what a budget bounds."""
        return self.spent + self.committed + self.doubtful

    @property
    def digits(self) -> int:
        """How many digits after the point its amounts are written with."""
        return digits(*self.amounts())

    def __str__(self) -> str:
        return self.told(self.digits)

    def told(self, places: int) -> str:
        """The same in a sentence, with so many ``digits``: as others beside it are written."""
        parts = [f"{self.shown(self.spent, places)} spent"]
        parts += [f"{self.shown(self.committed, places)} under way"] if self.committed else []
        parts += [f"{self.shown(self.doubtful, places)} doubtful"] if self.doubtful else []
        return ", ".join(parts)

    def shown(self, amount: Decimal, places: int) -> str:
        """An amount for people, such as ``0.35 USD``."""
        return f"{amount:.{places}f} {self.currency}"

    def amounts(self) -> tuple[Decimal, ...]:
        """All that a sentence about it may have."""
        return self.spent, self.committed, self.doubtful


@dataclass(frozen=True, slots=True)
class BatchMoney(Money):
    """The money of a batch. ``to_come``: about what its queued edits cost at the present price; ``budget``: or None."""

    to_come: Decimal
    budget: Decimal | None

    @classmethod
    def parse(cls, raw: Mapping[str, str], price: Price | None) -> BatchMoney | None:
        """Read a batch's hash; None where there is no price, and never was one."""
        currency = raw.get("currency") or (price.currency if price else None)
        if currency is None:
            return None
        edits = sum(int(n) for name, n in raw.items() if name.startswith("n:"))
        images = edits + int(raw.get("more_images", 0))
        queued = int(raw.get("n:queued", 0)) * images / edits if edits else 0
        to_come = amount_of(round(queued * price.micros)) if price else Decimal(0)
        budget = amount_of(raw["budget"]) if "budget" in raw else None
        return cls(currency, *_sums(raw), to_come, budget)

    def told(self, places: int) -> str:
        """The same in a sentence, with so many ``digits``."""
        come = f", about {self.shown(self.to_come, places)} to come" if self.to_come else ""
        budget = f"; its budget is {self.shown(self.budget, places)}" if self.budget is not None else ""
        return f"{Money.told(self, places)}{come}{budget}"

    def amounts(self) -> tuple[Decimal, ...]:
        """All that a sentence about it may have."""
        return (*Money.amounts(self), self.to_come, *(() if self.budget is None else (self.budget,)))

    def to_json(self) -> MoneyRecord:
        """A part of what ``retouch status BATCH --json`` prints."""
        return {
            "spent": float(self.spent),
            "committed": float(self.committed),
            "doubtful": float(self.doubtful),
            "to_come": float(self.to_come),
            "budget": None if self.budget is None else float(self.budget),
            "currency": self.currency,
        }

    @classmethod
    def from_json(cls, raw: MoneyRecord) -> BatchMoney:
        """Read what ``to_json`` has made."""
        budget = raw["budget"]
        sums = (_read(raw["spent"]), _read(raw["committed"]), _read(raw["doubtful"]), _read(raw["to_come"]))
        return cls(raw["currency"], *sums, None if budget is None else _read(budget))


@dataclass(frozen=True, slots=True)
class MoneySum(Money):
    """What so many ``batches`` cost together. ``to_come``: about what their queued edits cost at the present price."""

    to_come: Decimal
    batches: int

    @classmethod
    def of(cls, batches: Iterable[BatchMoney]) -> MoneySum | None:
        """The sum of these; None of none."""
        found = list(batches)
        if not found:
            return None
        spent, committed, doubtful, to_come = (
            sum((getattr(one, name) for one in found), Decimal(0)) for name in (*_SUMS, "to_come")
        )
        return cls(found[0].currency, spent, committed, doubtful, to_come, len(found))

    def told(self, places: int) -> str:
        """The same in a sentence, with so many ``digits``."""
        come = f", about {self.shown(self.to_come, places)} to come" if self.to_come else ""
        return f"{Money.told(self, places)}{come}"

    def amounts(self) -> tuple[Decimal, ...]:
        """All that a sentence about it may have."""
        return (*Money.amounts(self), self.to_come)

    def to_json(self) -> MoneySumRecord:
        """A part of what ``retouch money --json`` prints."""
        return {
            "batches": self.batches,
            "spent": float(self.spent),
            "committed": float(self.committed),
            "doubtful": float(self.doubtful),
            "to_come": float(self.to_come),
            "currency": self.currency,
        }


@dataclass(frozen=True, slots=True)
class DayMoney(Money):
    """What the submits of a ``day`` (UTC) cost, all batches together."""

    day: date

    @classmethod
    def parse(cls, day: date, raw: Mapping[str, str], currency: str) -> DayMoney:
        """Read a day's hash."""
        return cls(currency, *_sums(raw), day)

    def told(self, places: int) -> str:
        """The same in a sentence, with so many ``digits``."""
        return f"{self.day.isoformat()}: {Money.told(self, places)}"

    def to_json(self) -> DayRecord:
        """A part of what ``retouch money --json`` prints."""
        return {
            "day": self.day.isoformat(),
            "spent": float(self.spent),
            "committed": float(self.committed),
            "doubtful": float(self.doubtful),
            "currency": self.currency,
        }

    @classmethod
    def from_json(cls, raw: DayRecord) -> DayMoney:
        """Read what ``to_json`` has made."""
        sums = (_read(raw["spent"]), _read(raw["committed"]), _read(raw["doubtful"]))
        return cls(raw["currency"], *sums, date.fromisoformat(raw["day"]))


def amount_of(micros: int | str) -> Decimal:
    """An amount that is kept in micro-units."""
    return (Decimal(micros) / MICRO).normalize()


def price_of(micros: str | None, currency: str | None) -> Price | None:
    """The price as the ledger keeps it; None where there is none."""
    return Price.of_micros(int(micros), currency) if micros is not None and currency is not None else None


def _sums(raw: Mapping[str, str]) -> tuple[Decimal, Decimal, Decimal]:
    spent, committed, doubtful = (amount_of(raw.get(name) or 0) for name in _SUMS)
    return spent, committed, doubtful


def _read(amount: float) -> Decimal:
    return amount_of(round(amount * MICRO))
