"""What batches and days cost, as the ledger counts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from retouch.price import MICRO, Price
from retouch.records import DayRecord, MoneyRecord

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

    def __str__(self) -> str:
        parts = [f"{self.shown(self.spent)} spent"]
        parts += [f"{self.shown(self.committed)} under way"] if self.committed else []
        parts += [f"{self.shown(self.doubtful)} doubtful"] if self.doubtful else []
        return ", ".join(parts)

    def shown(self, amount: Decimal) -> str:
        """An amount for people, such as ``0.35 USD``."""
        return str(Price(amount, self.currency))


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

    def __str__(self) -> str:
        come = f", about {self.shown(self.to_come)} to come" if self.to_come else ""
        budget = f"; its budget is {self.shown(self.budget)}" if self.budget is not None else ""
        return f"{Money.__str__(self)}{come}{budget}"

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
class DayMoney(Money):
    """What the submits of a ``day`` (UTC) cost, all batches together."""

    day: date

    @classmethod
    def parse(cls, day: date, raw: Mapping[str, str], currency: str) -> DayMoney:
        """Read a day's hash."""
        return cls(currency, *_sums(raw), day)

    def __str__(self) -> str:
        return f"{self.day.isoformat()}: {Money.__str__(self)}"

    def to_json(self) -> DayRecord:
        """A part of what ``retouch price --json`` prints."""
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
