"""The journal of an edit: the marks of its entries, and how it is read (``lua/include/journal.lua`` writes it)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

JOURNAL_EDITS = 100_000  # with ``auto`` the first edits of a batch have a journal: 30 MB at most


class Journal(StrEnum):
    """Of which edits a journal is kept, from when they are enqueued (``RETOUCH_JOURNAL``)."""

    AUTO = "auto"  # the first JOURNAL_EDITS of each batch
    ON = "on"
    OFF = "off"


class Mark(StrEnum):
    """What an entry is about."""

    ENQUEUED = "E"
    WAITED = "W"  # for the end of a pause; its time is when that began
    SENT = "S"  # or it was about to be: the submit's number, and the worker
    TAKEN = "T"
    POLLED = "P"  # and was not finished
    FINISHED = "R"  # seen by this worker
    TROUBLE = "B"  # an answer that was none, or not a good one: the kind of request, how it fared, and the words
    HELD_BACK = "Q"  # not sent
    TAKEN_OVER = "V"  # from this worker, which had died
    HELD = "H"
    SENT_ANEW = "N"  # the API has it no longer
    ASKED = "A"  # a person's retry asks the API for its result
    RETRIED = "X"  # a person's retry sends it again
    COMPLETED = "D"
    FAILED = "F"
    CANCELLED = "C"
    FOLDED = "O"  # so many entries were left out here


_ENTRY = re.compile(
    r"([A-Z])([a-z0-9]+)(?:\.([a-z0-9]*))?(?::([a-z0-9]*))?(?:~([a-z0-9]+))?(?:\*([a-z0-9]+))?",
)


class Noted(NamedTuple):
    """One entry. ``at``: ms since 1970. ``name``: a worker, words, a code or a pause; empty: it was one too many."""

    mark: str  # a ``Mark``, or one of a newer version
    at: int
    detail: str = ""
    name: str | None = None
    wait_ms: int | None = None
    times: int = 1


def entries(text: str, names: Mapping[str, str]) -> Iterator[Noted]:
    """Read a journal; ``names``: those of its batch, with their numbers (decimal)."""
    by_number = {int(number): name for name, number in names.items()}
    begun = at = 0
    for mark, time, detail, name, wait, times in _ENTRY.findall(text):
        if mark == Mark.FOLDED:
            yield Noted(mark, at, times=int(time, 36))
            continue
        at = begun + int(time, 36)
        begun = begun or at
        named = by_number.get(int(name, 36), "") if name else None
        yield Noted(mark, at, detail, named, int(wait, 36) if wait else None, int(times, 36) if times else 1)
