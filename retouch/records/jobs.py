"""What is done to many edits at once."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from retouch.records.described import described
from retouch.records.states import State


@described
class JobCostRecord(TypedDict):
    """What a job costs."""

    amount: float
    """what is submitted again"""
    at_most: float
    """the same, if the API has nothing any more of what it is asked about"""
    currency: str
    """such as ``USD``"""


@described
class JobRecord(TypedDict):
    """What a person has decided about many edits of a batch: an object of ``retouch jobs --json``."""

    job: str
    """its id"""
    batch: str
    """the batch"""
    action: Literal["retry", "anew", "cancel"]
    """``retry``: the API is asked first about what it took; ``anew``: all are submitted again"""
    states: list[State]
    """of the edits that it is about"""
    groups: list[int]
    """of failures, which it is about; empty: any"""
    by: str
    """who has started it: a key of the gateway; empty: somebody who reaches Redis"""
    state: Literal["counting", "counted", "running", "stopped", "done"]
    """``counted``: it can be started; nothing was changed yet"""
    counted: int
    """how many edits it is about"""
    to_ask: int
    """of these: about so many the API is asked first, which costs nothing"""
    to_send: int
    """of these: so many are submitted again"""
    at_work: int
    """edits at the API, which a cancel leaves alone"""
    changed: int
    """edits that were cancelled, or tried again, so far"""
    asked: int
    """of these: about so many the API is asked"""
    skipped: int
    """edits that had changed since they were counted, and were left alone"""
    created: str
    """when it was counted"""
    started: str | None
    """when it was started"""
    ended: str | None
    """when it was done, or stopped"""
    left_since: str | None
    """nobody has gone on with it since then, though it is at work; null: somebody does, or it has ended"""
    cost: JobCostRecord | None
    """null: no price is known"""


@described
class JobsRecord(TypedDict):
    """Jobs: what ``retouch jobs --json`` prints."""

    jobs: list[JobRecord]
    """those at work; of one batch also those that have ended, the newest first"""
