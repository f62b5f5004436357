"""The states of an edit and of a batch, and the sets derived from them."""

from __future__ import annotations

from enum import StrEnum


class EditState(StrEnum):
    """Where an edit stands: ``queued → submitting → waiting → copying → completed | failed | cancelled``."""

    QUEUED = "queued"  # not at the API; in ``ready``, or in ``due`` while it backs off
    SUBMITTING = "submitting"  # claimed for a submit; the API may have it or may not
    WAITING = "waiting"  # the API has accepted it and given it an id
    COPYING = "copying"  # finished at the API; its images are on their way to S3
    HELD = "held"  # sent and not answered; a person decides whether to send it again
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class BatchState(StrEnum):
    """Where a batch stands: ``open → finishing → completed``; adding or retrying edits opens it again."""

    OPEN = "open"
    FINISHING = "finishing"  # its last edit has ended; the manifest is being written
    COMPLETED = "completed"


# How an edit's state is written where there is a byte for each edit of a batch.
LETTERS = {
    EditState.QUEUED: "q",
    EditState.SUBMITTING: "s",
    EditState.WAITING: "w",
    EditState.COPYING: "c",
    EditState.HELD: "h",
    EditState.COMPLETED: "C",
    EditState.FAILED: "f",
    EditState.CANCELLED: "x",
}
TERMINAL = frozenset({EditState.COMPLETED, EditState.FAILED, EditState.CANCELLED})
