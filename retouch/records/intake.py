"""What became of edits that were sent."""

from __future__ import annotations

from typing import NotRequired  # pydantic takes no other before Python 3.12

from typing_extensions import TypedDict

from retouch.records.described import described
from retouch.records.money import PriceRecord
from retouch.records.states import Counts


@described
class RejectionRecord(TypedDict):
    """A line of a manifest, or another edit, that was not enqueued."""

    line: int
    """from 1; of a folder the picture's place"""
    custom_id: str | None
    errors: list[str]
    """a sentence for each fault"""
    name: NotRequired[str]
    """what it is called where it has no line: a picture's path, or the edit that is done again"""


@described
class EstimateRecord(TypedDict):
    """How much work a batch is for the API."""

    edits: int
    images: int
    unet_steps: int
    equal_edits: int
    """edits that are equal to another one but for the ``custom_id``: each is sent, and paid for"""
    price: PriceRecord | None
    """of all images; null where no price is known"""


@described
class ReceiptRecord(TypedDict):
    """What ``retouch enqueue --json`` prints."""

    batch: str
    """its id"""
    accepted: int
    """edits that are new"""
    already: int
    """edits that were there"""
    rejected: list[RejectionRecord]
    counts: NotRequired[Counts]
    """with ``--wait``: edits by state"""
    estimate: NotRequired[EstimateRecord]
    """with ``--dry-run``"""
