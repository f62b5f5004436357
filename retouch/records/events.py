"""What is told as events."""

from __future__ import annotations

from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,  # pydantic takes no other before Python 3.12
)

from pydantic import Field
from typing_extensions import TypedDict

from retouch.records.described import described
from retouch.records.results import ResultRecord
from retouch.records.states import Counts


@described
class BatchEndRecord(TypedDict):
    """The data of ``retouch.batch.completed``."""

    batch: str
    """its id"""
    counts: Counts
    """edits by state"""
    duplicates: int
    """edits that may have been paid for more than once"""
    blank: int
    """edits with an image that is blank, or may be"""


@described
class PauseChangeRecord(TypedDict):
    """The data of ``retouch.paused`` and ``retouch.resumed``: of a kind of request, or of a batch."""

    kind: NotRequired[str]
    """``submit`` or ``status``; not there if it is a batch's"""
    batch: NotRequired[str]
    """the batch's id; not there if it is a kind of request's"""
    cause: str
    reason: str
    """for people"""


class Envelope(TypedDict):
    """What every event has (CloudEvents 1.0)."""

    specversion: Annotated[str, Field(description="``1.0``")]
    id: Annotated[str, Field(description="the same in every delivery, and no other event's")]
    source: Annotated[str, Field(description="the installation")]
    subject: Annotated[str, Field(description="``batch/custom_id``, ``batch``, or the name of a pause")]
    time: str
    datacontenttype: Annotated[str, Field(description="``application/json``")]


class EditEvent(Envelope):
    """An edit has ended."""

    type: Literal["retouch.edit.completed", "retouch.edit.failed", "retouch.edit.cancelled"]
    data: ResultRecord


class BatchEvent(Envelope):
    """All edits of a batch have ended, and its files are written."""

    type: Literal["retouch.batch.completed"]
    data: BatchEndRecord


class PauseEvent(Envelope):
    """Requests of a kind, or a batch, are paused or go on."""

    type: Literal["retouch.paused", "retouch.resumed"]
    data: PauseChangeRecord


EventRecord = Annotated[EditEvent | BatchEvent | PauseEvent, Field(discriminator="type")]


@described
class UndeliveredRecord(Envelope):
    """A line of ``retouch events --undelivered``: an event that a sink has not taken."""

    type: str
    data: dict[str, Any]
    """as in the event"""
    sink: str
    """its name"""
    tries: int
    reason: str
    """why it was not taken"""
    since: NotRequired[str]
    """its first try, if there was one"""
    nexttry: NotRequired[str]
    """its next try, if it is delivered by itself"""
