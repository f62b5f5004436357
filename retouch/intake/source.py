"""Where edits come from, before they are checked: a manifest, a folder of pictures, another batch, or Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from retouch.edit import Edit


class Line(NamedTuple):
    """One edit as it was given: its fields, or the problem why they cannot be read."""

    number: int  # from 1: its line, as an editor counts, or its place
    fields: dict[str, Any]
    problem: str | None = None
    redo_of: str | None = None  # the edit (``batch/custom_id``) that this one does again
    shown: str | None = None  # its init_image as its producer named it, where that is known from an earlier edit
    edit: Edit | None = None  # in place of fields
    name: str = ""  # what messages call it where it has no line: a picture's path, an edit's id
    faults: tuple[str, ...] = ()  # mistakes beside which its fields can be checked; each begins with its field
    worded: Callable[[str], str] = str  # a sentence about one of its fields, in the words of its producer


class Source(Protocol):
    """Edits to be checked; iterating yields them once. Raises InputError where it is no such source as a whole.

    ``notes``: sentences for people about how it was read, where that was not certain; complete when all is read.
    """

    @property
    def notes(self) -> list[str]:
        """What was not certain."""

    def __iter__(self) -> Iterator[Line]: ...
