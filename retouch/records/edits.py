"""Where edits stand, how they are found, and what was done about them."""

from __future__ import annotations

from typing import (
    Any,
    NotRequired,  # pydantic takes no other before Python 3.12
)

from typing_extensions import TypedDict

from retouch.records.batches import BatchPauseRecord
from retouch.records.described import described
from retouch.records.results import ResultRecord
from retouch.records.states import State


@described
class EditRowRecord(TypedDict):
    """One edit of a batch as lists show it."""

    place: int
    """in the batch's order, from 0"""
    custom_id: str
    state: State
    group: int
    """of its failure; 0 if it did not fail"""
    result: NotRequired[ResultRecord | None]
    """where results are asked for; null: it has not ended"""


@described
class EditRowsRecord(TypedDict):
    """Some edits of a batch."""

    batch: str
    edits: list[EditRowRecord]


@described
class FoundEditsRecord(EditRowsRecord):
    """The edits of a batch that a search has found; the one that is called so stands first."""

    next: int | None
    """the place from which the search goes on, since at most 25,000 names are looked at; null: it is at the end"""


@described
class NamedEditRecord(TypedDict):
    """An edit that was found by its name."""

    batch: str
    custom_id: str
    state: State


@described
class NamedEditsRecord(TypedDict):
    """The edits of this name in the batches that were looked at, the newest batch first."""

    edits: list[NamedEditRecord]


@described
class AlikeRecord(TypedDict):
    """Edits of a batch that are made of one picture."""

    batch: str
    places: list[int]
    """in the batch's order, from 0"""


@described
class EditRecord(TypedDict):
    """Where one edit stands, as a gateway tells it."""

    batch: str
    custom_id: str
    place: int | None
    """in the batch's order, from 0"""
    state: State
    parameters: dict[str, Any]
    """what is sent to the API, without ``init_image``"""
    submits: int
    """how often it was sent"""
    possible_duplicate: bool
    """it may be paid for twice"""
    provider_id: str | None
    """the API's id of it"""
    holder: str | None
    """the worker that has it in hand"""
    note: str | None
    """what happened last, for people"""
    polls: int
    submitted_at: str | None
    deadline: str | None
    next_step_at: str | None
    before_it: int | None
    """how many edits have their turn before it"""
    refused_in_a_row: int
    asked_again: bool
    """a retry asks the API for the result that it had"""
    batch_paused: list[BatchPauseRecord]
    """why none of its batch's edits is submitted"""
    result: dict[str, Any] | None
    """a line of the batch's results, once it has ended"""


@described
class StepRecord(TypedDict):
    """One step of an edit's history."""

    at: str
    """of several in a row, that of the last; by the clock of Redis"""
    what: str
    """``enqueued``; ``waited`` (for the end of a pause); ``sent``; ``taken`` (by the API); ``polled`` (not finished
    yet); ``finished`` (at the API); ``refused``, ``answered``, ``throttled``, ``unanswered``, ``unreached``,
    ``not_copied`` (how a request fared); ``held_back`` (not sent then); ``taken_over`` (from a worker that died);
    ``held``; ``sent_anew`` (the API has it no longer); ``asked``, ``retried`` (by a person); ``completed``, ``failed``,
    ``cancelled``; ``folded`` (so many steps were not kept); or one of a newer version"""
    text: str
    """the same as a sentence, for people"""
    by: str | None
    """the worker: that sent it, copied it, or died; of ``enqueued`` who sent it, where its batch has one sender; of a
    retry who wanted it"""
    submit: int | None
    """of ``sent``: the number of the submit; the same number again: the API was asked with the same key"""
    request: str | None
    """of how a request fared: ``submit``, ``status``, ``fetch`` (of an image) or ``store``"""
    reason: str | None
    """the API's words without numbers, links and quoted text; a failure's code and words; of ``waited`` the pause, such
    as ``submit:outage`` or ``batch:person``"""
    took_ms: int | None
    """since the submit was sent, or copying began"""
    until: str | None
    """when it was to go on; of ``waited`` when the pause ended"""
    times: int
    """so often in a row"""


@described
class HistoryRecord(TypedDict):
    """What ``retouch explain --history --json`` prints: what was done about one edit, and when."""

    batch: str
    custom_id: str
    history: list[StepRecord]
    """the oldest first; empty if none is kept (``RETOUCH_JOURNAL``)"""
