"""What people pick and reject of a batch."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from retouch.records.described import described


@described
class ChosenRecord(TypedDict):
    """What became of a choice among a batch's results."""

    changed: int
    """how many edits have it now"""
    unknown: list[str]
    """the ``custom_id`` of each that the batch has not"""
    unfinished: list[str]
    """of each that has not completed, so that there is no result to choose"""


@described
class PicksRecord(TypedDict):
    """What ``retouch picks BATCH --json`` prints."""

    batch: str
    pick: Literal["picked", "rejected"]
    custom_ids: list[str]
    """in the batch's order"""
