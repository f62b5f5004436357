"""Messages without what differs from edit to edit: two failures for one reason read the same."""

from __future__ import annotations

import re
from collections.abc import Mapping

# What differs from edit to edit: quoted text, links, ids and numbers.
_PARTICULARS = re.compile(
    r"""https?://\S+|"[^"]*"|'[^']*'|`[^`]*`|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b\w*\d\w*\b""",
    re.IGNORECASE,
)

# The same with any link, but for the status of an answer.
_BUT_STATUS = re.compile(rf"(HTTP \d{{3}}\b)|\w+://\S+|{_PARTICULARS.pattern}", re.IGNORECASE)
_GIST_LENGTH = 100


def gist(text: str) -> str:
    """Return what an edit's journal keeps of words of the API: a batch has few that differ, and no secret is left."""
    return " ".join(_BUT_STATUS.sub(lambda found: found[1] or "…", text).split())[:_GIST_LENGTH]


def alike(text: str) -> str:
    """Return a message without what differs from edit to edit: two refusals for one reason read the same."""
    return " ".join(_PARTICULARS.sub("…", text).split())[:200].casefold()


def group_of(error: Mapping[str, str] | None) -> str:
    """The name of the group of failures that an error belongs to: its code, a space, and its words.

    A move that fails an edit itself names it alike (``group_of`` in ``ledger/lua/include/edits.lua``).
    """
    error = error or {}
    return f"{error.get('code', '')} {alike(error.get('message', ''))}"
