"""How many edits of a batch may fail before it is paused, and whoever waits for it stops waiting."""

from __future__ import annotations

import re
from typing import NamedTuple

from retouch.causes import BatchPause
from retouch.errors import InputError, RetouchError
from retouch.ledger import BatchView
from retouch.plural import count
from retouch.states import EditState

_LIMIT = re.compile(r"(?P<number>\d{1,9})|(?P<percent>\d{1,3}(?:\.\d{1,6})?) ?%")


class TooManyFailuresError(RetouchError):
    """More edits have failed than are allowed; if the batch has not ended, it is paused.

    ``view``: the batch as it was seen last.
    """

    def __init__(self, message: str, view: BatchView) -> None:
        super().__init__(message)
        self.view = view


class FailureLimit(NamedTuple):
    """So many edits may fail: ``number``, or ``percent`` of those that the batch has."""

    number: float
    percent: bool = False

    def __str__(self) -> str:
        text = f"{self.number:.6f}".rstrip("0").rstrip(".")
        return f"{text}%" if self.percent else text

    @classmethod
    def parse(cls, limit: int | str) -> FailureLimit:
        """Read ``10`` or ``"1%"``; raises InputError."""
        text = str(limit) if isinstance(limit, int) and not isinstance(limit, bool) else limit
        found = _LIMIT.fullmatch(text.strip()) if isinstance(text, str) else None
        if found is None or float(found["percent"] or 0) > 100:
            raise InputError(
                f"max_failures is {str(limit)[:80]!r}: write a number of edits, such as 10, or a percentage of the"
                " batch, such as '1%'"
            )
        return cls(float(found["percent"]), percent=True) if found["percent"] else cls(float(found["number"]))

    @classmethod
    def text(cls, limit: int | str | None) -> str:
        """The limit as the ledger keeps it, such as ``1%``; empty for none. Raises InputError."""
        return "" if limit is None else str(cls.parse(limit))

    def allows(self, failed: int, total: int) -> bool:
        """Tell whether so many of ``total`` edits may fail; the ledger decides alike (batch_pauses.lua)."""
        return failed * 100 <= self.number * total + 1e-6 if self.percent else failed <= self.number


def is_stopped(view: BatchView) -> bool:
    """Whether a batch is paused for its failures, and nobody has cancelled it: whoever waits for it has to decide."""
    return not view.cancelled and any(pause.cause == BatchPause.FAILURES for pause in view.paused)


def check_failures(view: BatchView, limit: FailureLimit | None) -> None:
    """Raise TooManyFailuresError if a batch is paused for its failures, or has ended with more than it may have.

    That is ``limit``, or else what binds the batch. A batch that was cancelled is decided about, and awaited.
    """
    failed = view.counts.get(EditState.FAILED, 0)
    told = f"{failed} of {count(view.total, 'edit')} of batch {view.batch} failed, and max_failures is"
    if view.finished:
        limit = limit or (FailureLimit.parse(view.max_failures) if view.max_failures else None)
        if limit and not limit.allows(failed, view.total):
            raise TooManyFailuresError(f"{told} {limit}", view)
    elif is_stopped(view):
        todo = "EditQueue.resume goes on, EditQueue.retry tries the failed ones again, EditQueue.cancel ends it"
        raise TooManyFailuresError(f"{told} {view.max_failures}; the batch is paused ({todo})", view)


def other_limit(batch: str, found: str, limit: str) -> str:
    """What is wrong where a batch is given another limit than before (``found``); empty if nothing is."""
    if found in ("", limit):
        return ""
    return (
        f"batch {batch} was given max_failures {found} before, and not {limit}: leave it as it was; to change what"
        f" holds: retouch resume {batch} --max-failures {limit}"
    )
