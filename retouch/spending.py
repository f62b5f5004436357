"""What the batches of a time cost: each of them, by who sent them, and all together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice, takewhile
from typing import NamedTuple

from retouch.ledger import BatchMoney, BatchView, MoneySum
from retouch.ledger.views import iso
from retouch.price import Price
from retouch.records.money import BatchSpendingRecord, DayRecord, SpendingRecord
from retouch.senders import is_of

LOOKED_AT = 1000  # batches, the newest: more are not read at once


class SenderMoney(NamedTuple):
    """What the batches cost together that have these ``senders``; several: all have sent to each of them."""

    senders: tuple[str, ...]
    money: MoneySum


class Spending(NamedTuple):
    """What the batches cost that were made from ``since`` on, and before ``until``; None: whenever.

    ``batches`` and ``senders``: the dearest first. ``total``: None if no batch cost anything. ``older``: there are
    older batches, which were not looked at.
    """

    since: datetime | None
    until: datetime | None
    batches: list[BatchView]
    senders: list[SenderMoney]
    total: MoneySum | None
    older: bool

    @classmethod
    def of(
        cls, views: Iterable[BatchView], since: datetime | None = None, until: datetime | None = None, by: str = ""
    ) -> Spending:
        """Read it from batches, the newest first; ``by``: of those alone that this sender has sent to."""
        found = takewhile(lambda view: since is None or view.created >= since, views)
        looked_at = list(islice(found, LOOKED_AT))
        older = len(looked_at) == LOOKED_AT and next(iter(found), None) is not None
        wanted = [view for view in looked_at if _has_cost(view.money) and (not by or is_of(view.senders, by))]
        wanted.sort(key=lambda view: (-view.money.used, -view.money.to_come) if view.money else (0, 0))
        return cls(since, until, wanted, _by_sender(wanted), _sum(wanted), older)

    @property
    def digits(self) -> int:
        """How many digits after the point all its amounts are written with."""
        return max([2, *(view.money.digits for view in self.batches if view.money)])

    def to_json(self, price: Price | None, days: list[DayRecord], limit: int | None = None) -> SpendingRecord:
        """What ``retouch money --json`` prints; ``limit``: with so many batches, the dearest."""
        return {
            "price": price.to_json() if price else None,
            "days": days,
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat() if self.until else None,
            "total": self.total.to_json() if self.total else None,
            "senders": [{**one.money.to_json(), "senders": list(one.senders)} for one in self.senders],
            "batches": [_record(view, view.money) for view in self.batches[:limit] if view.money],
            "older": self.older,
        }


def _has_cost(money: BatchMoney | None) -> bool:
    return money is not None and (money.budget is not None or money.used > 0 or money.to_come > 0)


def _sum(views: Iterable[BatchView]) -> MoneySum | None:
    return MoneySum.of(view.money for view in views if view.money)


def _by_sender(views: Sequence[BatchView]) -> list[SenderMoney]:
    groups: dict[tuple[str, ...], list[BatchView]] = {}
    for view in views:
        groups.setdefault(tuple(sorted(view.senders)), []).append(view)
    found = [SenderMoney(senders, money) for senders, those in groups.items() if (money := _sum(those))]
    return sorted(found, key=lambda one: (-one.money.used, -one.money.to_come))


def _record(view: BatchView, money: BatchMoney) -> BatchSpendingRecord:
    return {
        "batch": view.batch,
        "state": view.shown_state,
        "created": iso(view.created.timestamp() * 1000),
        "senders": list(view.senders),
        "money": money.to_json(),
    }
