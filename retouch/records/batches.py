"""Where a batch stands, and why edits of it failed."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from retouch.records.described import described
from retouch.records.money import MoneyRecord
from retouch.records.states import Counts


@described
class BatchPauseRecord(TypedDict):
    """Why a batch's queued edits are not submitted."""

    cause: str
    """``person``, ``refusals``, ``failures``, ``budget``, or one of a newer version"""
    reason: str
    """for people"""
    since: str | None


@described
class BatchRecord(TypedDict):
    """Where a batch stands."""

    batch: str
    """its id"""
    state: Literal["open", "finishing", "completed"]
    """``finishing``: all its edits have ended, and its files are being written"""
    counts: Counts
    """edits by state, those states alone in which there are some"""
    total: int
    """all its edits"""
    possible_duplicates: int
    """edits that may have been paid for more than once"""
    blank: int
    """edits with an image that is blank, or may be"""
    created: str | None
    note: str | None
    """why its files are not written yet"""
    paused: list[BatchPauseRecord]
    recovered: int
    """of the edits that a retry asked about: completed with the result that the API still had"""
    sent_anew: int
    """of the same: submitted again"""
    sealed: bool
    """its producer is done; before, it does not end"""
    producer_seen: str | None
    """when a producer that is not done was last heard of"""
    open_until: str | None
    """more edits may come until then: it does not end before"""
    redo_of: str | None
    """the batch whose edits this one does again"""
    max_failures: str | None
    """how many of its edits may fail before it is paused, such as ``10`` or ``1%``; null: any number"""
    money: MoneyRecord | None
    """null: no price is known"""
    senders: list[str]
    """whose edits it has, the first one first, ten at most: ``key:NAME`` of a gateway, ``recipe:NAME``, ``user@host``,
    or what ``RETOUCH_SENDER`` says; empty: an older version made it"""
    completed_at: str | None
    """when its files were written; null: it is open, or an older version has written them"""


@described
class BatchesRecord(TypedDict):
    """What ``retouch batches --json`` prints."""

    batches: list[BatchRecord]
    """the newest first"""


@described
class FailureGroupRecord(TypedDict):
    """Edits of a batch that failed for one reason."""

    group: int
    """its number, for ``retouch retry BATCH --group``; 255: all further reasons, beyond the 254 that are told apart"""
    code: str
    """for programs, such as ``refused``; empty for 255"""
    words: str
    """what their messages have in common; ``…`` stands for what differs"""
    count: int
    """how many edits are failed so now"""
    example: str | None
    """the ``custom_id`` of one of them"""
    message: str | None
    """what that one says, in its own words"""


@described
class BatchStatusRecord(BatchRecord):
    """A batch, as ``retouch status BATCH --json`` prints it."""

    failure_groups: list[FailureGroupRecord]
    """why edits of it failed, the most frequent reason first"""


@described
class AdvisedGroupRecord(FailureGroupRecord):
    """The same, with what to know before they are tried again."""

    advice: str
    """why the same may fail again, and what to do instead; empty: nothing is known"""


@described
class FailuresRecord(TypedDict):
    """Why edits of a batch failed."""

    batch: str
    failed: int
    """all its failed edits"""
    groups: list[AdvisedGroupRecord]
    """the most frequent first"""
