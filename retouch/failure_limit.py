"""How many edits of a batch may fail before whoever waits for it stops waiting."""

from __future__ import annotations

import re
from typing import NamedTuple

from retouch.errors import InputError, RetouchError
from retouch.ledger import BatchView
from retouch.plural import count
from retouch.states import EditState

_PERCENTAGE = re.compile(r"(\d+(?:\.\d+)?) ?%")


class TooManyFailuresError(RetouchError):
    """More edits have failed than the caller allows; the batch goes on. ``view``: the batch as it was seen last."""

    def __init__(self, message: str, view: BatchView) -> None:
        super().__init__(message)
        self.view = view


class FailureLimit(NamedTuple):
    """So many edits may fail: ``number``, or ``percent`` of those that the batch has."""

    number: float
    percent: bool = False

    @classmethod
    def parse(cls, limit: int | str) -> FailureLimit:
        """Read ``10`` or ``"1%"``; raises InputError."""
        if isinstance(limit, int) and not isinstance(limit, bool) and limit >= 0:
            return cls(limit)
        found = _PERCENTAGE.fullmatch(limit.strip()) if isinstance(limit, str) else None
        if found is None or float(found[1]) > 100:
            raise InputError(
                f"max_failures is {limit!r}: write a number of edits, such as 10, or a percentage of the batch, such as"
                " '1%'"
            )
        return cls(float(found[1]), percent=True)

    def check(self, view: BatchView) -> None:
        """Raise TooManyFailuresError if more edits have failed."""
        failed = view.counts.get(EditState.FAILED, 0)
        if failed <= (view.total * self.number / 100 if self.percent else self.number):
            return
        allowed = f"{self.number:g}{'%' if self.percent else ''}"
        failures = f"{failed} of {count(view.total, 'edit')} of batch {view.batch} failed"
        goes_on = "" if view.finished else "; the batch goes on (EditQueue.cancel stops it)"
        raise TooManyFailuresError(f"{failures}, and max_failures is {allowed}{goes_on}", view)
