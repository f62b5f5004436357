"""Doing edits of a batch again: as a source of edits, and the id of the batch that they go to."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from retouch.intake.source import Line
from retouch.ledger import BatchView, Made
from retouch.states import EditState

_LONGEST = 64  # characters of a batch's id


class Which(StrEnum):
    """The edits of a batch that are done again, by how they have ended."""

    ANY = "any"
    FAILED = "failed"
    BLANK = "blank"  # with an image that is blank, or may be

    def takes(self, made: Made) -> bool:
        """Whether an edit is one of them; one that has not ended never is."""
        if made.result is None:
            return False
        if self is Which.FAILED:
            return bool(made.result["state"] == EditState.FAILED)
        return self is Which.ANY or any(output.get("blank") for output in made.result["outputs"])


@dataclass
class Redone:
    """A ``Source`` of a batch's edits, with some fields changed (None: not set any more).

    ``waiting`` are the ids of those that have not ended, which are left out.
    """

    batch: str
    made: Iterable[Made]
    which: Which
    changes: Mapping[str, Any]
    notes: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Line]:
        taken = itertools.count(1)
        for one in self.made:
            if one.result is None:
                self.waiting.append(one.custom_id)
            elif self.which.takes(one):
                yield self._line(next(taken), one)

    def _line(self, number: int, one: Made) -> Line:
        fields = {**one.parameters, "custom_id": one.custom_id, "metadata": dict(one.about.metadata), **self.changes}
        shown = None if "init_image" in self.changes else one.about.init_image
        kept = {name: value for name, value in fields.items() if value is not None}
        return Line(number, kept, redo_of=f"{self.batch}/{one.custom_id}", shown=shown, name=one.custom_id)


def content_of(asked: Mapping[str, Any]) -> str:
    """A hash of what was asked for: the same again is the same batch."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]


def redo_id(batch: str, content: str, look: Callable[[str], BatchView | None]) -> str:
    """The ``batch-redo-N`` that was made of the same, or else the first that never was there; ``look`` finds a batch.

    A long id is cut, so that it has at most 64 characters.
    """
    parent = look(batch)
    used = parent.redos if parent else 0
    for number in itertools.count(1):
        end = f"-redo-{number}"
        name = batch[: _LONGEST - len(end)] + end
        there = look(name)
        if (there is None and number > used) or (there and (there.redo_of, there.content) == (batch, content)):
            return name
    raise AssertionError("itertools.count ends")
