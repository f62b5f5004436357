"""What submits cost."""

from __future__ import annotations

from typing_extensions import TypedDict

from retouch.records.described import described


@described
class PriceRecord(TypedDict):
    """What something costs, to the cent, and to the last digit of ``RETOUCH_PRICE`` below that."""

    amount: float
    currency: str
    """as in ``RETOUCH_PRICE``, such as ``USD`` or ``EUR``"""


@described
class KnownPriceRecord(TypedDict):
    """What ``retouch price --json`` prints."""

    price: PriceRecord | None
    """of one image; null: nobody has said"""


@described
class MoneyRecord(TypedDict):
    """What a batch costs, in units of the currency."""

    spent: float
    """for submits that the API took"""
    committed: float
    """set aside for submits that are under way"""
    doubtful: float
    """for submits that were sent and not answered: they may have been paid for"""
    to_come: float
    """about what its queued edits cost at the present price"""
    budget: float | None
    """``spent``, ``committed`` and ``doubtful`` together are never more; null: there is none"""
    currency: str


@described
class DayRecord(TypedDict):
    """What the submits of a day (UTC) cost, all batches together, in units of the currency."""

    day: str
    """such as ``2026-11-27``"""
    spent: float
    """for submits that the API took"""
    committed: float
    """set aside for submits that are under way"""
    doubtful: float
    """for submits that were sent and not answered: they may have been paid for"""
    currency: str


@described
class MoneySumRecord(TypedDict):
    """What some batches cost together, in units of the currency."""

    batches: int
    """how many they are"""
    spent: float
    """for submits that the API took"""
    committed: float
    """set aside for submits that are under way"""
    doubtful: float
    """for submits that were sent and not answered: they may have been paid for"""
    to_come: float
    """about what their queued edits cost at the present price"""
    currency: str


@described
class TotalMoneyRecord(TypedDict):
    """What all submits cost together, in units of the currency."""

    spent: float
    """for submits that the API took"""
    committed: float
    """set aside for submits that are under way"""
    doubtful: float
    """for submits that were sent and not answered: they may have been paid for"""
    currency: str


@described
class SenderSpendingRecord(MoneySumRecord):
    """What the batches cost together that have the same senders."""

    senders: list[str]
    """one; several: batches to which each of these has sent, of which no part is known; none: it was not said"""


@described
class BatchSpendingRecord(TypedDict):
    """A batch that has cost something, will, or has a budget."""

    batch: str
    state: str
    """``open``, ``paused``, ``finishing`` or ``completed``"""
    created: str | None
    senders: list[str]
    """whose edits it has"""
    money: MoneyRecord


@described
class SpendingRecord(TypedDict):
    """What submits cost."""

    price: PriceRecord | None
    """of one image; null: nobody has said"""
    days: list[DayRecord]
    """today first; none without a price, and for a key that is bound to some batches"""
    since: str | None
    """the batches were made then, or later; null: whenever"""
    until: str | None
    """and before this time"""
    total: MoneySumRecord | None
    """all these batches together; null: there are none"""
    senders: list[SenderSpendingRecord]
    """the same by who sent them, the dearest first"""
    batches: list[BatchSpendingRecord]
    """each of them, the dearest first, as many as were asked for"""
    older: bool
    """there are older batches, which were not looked at: these are among the newest 1,000"""
