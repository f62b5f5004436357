"""Messages without what differs from edit to edit: two failures for one reason read the same."""

from __future__ import annotations

import re
from collections.abc import Mapping

# What differs from edit to edit: quoted text, links, ids and numbers.
_PARTICULARS = re.compile(
    r"""https?://\S+|"[^"]*"|'[^']*'|`[^`]*`|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b\w*\d\w*\b""",
    re.IGNORECASE,
)

# The status of an answer is its reason: 404 is another failure than 403.
_STATUS = r"(\b(?:HTTP|status|answers|answered)(?: code| with)? [1-5]\d\d\b)"
_BUT_STATUS = re.compile(rf"{_STATUS}|{_PARTICULARS.pattern}", re.IGNORECASE)
_NOR_LINKS = re.compile(rf"{_STATUS}|\w+://\S+|{_PARTICULARS.pattern}", re.IGNORECASE)
_GIST_LENGTH = 100


def gist(text: str) -> str:
    """Return what an edit's journal keeps of words of the API: a batch has few that differ, and no secret is left."""
    return _without(_NOR_LINKS, text)[:_GIST_LENGTH]


def alike(text: str) -> str:
    """Return a message without what differs from edit to edit: two refusals for one reason read the same."""
    return _without(_BUT_STATUS, text)[:200].casefold()


def _without(particulars: re.Pattern[str], text: str) -> str:
    """The text without these, but for the status (the first group), and with single blanks."""
    return " ".join(particulars.sub(lambda found: found[1] or "…", text).split())


def group_of(error: Mapping[str, str] | None) -> str:
    """The name of the group of failures that an error belongs to: its code, a space, and its words.

    A move that fails an edit itself names it alike (``group_of`` in ``ledger/lua/include/edits.lua``).
    """
    error = error or {}
    return f"{error.get('code', '')} {alike(error.get('message', ''))}"
