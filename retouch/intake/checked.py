"""Edits, checked as far as possible without any service."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from retouch.intake.admission import Intake, InvalidEditError, custom_id_of
from retouch.intake.compare import equal_edits, explain_conflict
from retouch.intake.estimate import Estimate
from retouch.intake.mistakes import Rejection
from retouch.intake.source import Line, Source
from retouch.ledger import Entry, Made

STEM = 55  # characters of a source's name in a batch id


class Entries(Protocol):
    """Where valid edits are kept: a list, or ``retouch.intake.spooled``."""

    def append(self, item: tuple[int, Entry], /) -> None:
        """Keep one more."""

    def __iter__(self) -> Iterator[tuple[int, Entry]]: ...

    def __len__(self) -> int: ...


class Places(Protocol):
    """Where each ``custom_id`` was met first (a line, or a name): a dict, or ``retouch.intake.spooled``."""

    def setdefault(self, custom_id: str, place: int | str, /) -> int | str:
        """The first place of this one, which is ``place`` if it is new."""

    def clear(self) -> None:
        """Forget all."""


@dataclass(slots=True)
class CheckedEdits:
    """The valid edits of a source as entries, the invalid ones with their errors, both with their numbers."""

    stem: str
    defaults: dict[str, Any]
    entries: Entries = field(default_factory=list[tuple[int, Entry]])
    rejected: list[Rejection] = field(default_factory=list)
    estimate: Estimate = field(default_factory=Estimate)
    notes: list[str] = field(default_factory=list)  # of the source, for people
    identity: str | None = None  # what a batch's id is made of, where that is not the edits

    noun: str = "line"  # what a source counts
    names: dict[int, str] = field(default_factory=dict)  # by number: of edits that have a name in place of a line
    places: Places = field(default_factory=dict[str, int | str])

    def add(self, line: Line, intake: Intake) -> None:
        """Check one edit, and keep it as an entry or as a rejection."""
        if line.name:
            self.names[line.number] = line.name
        raw = line.fields if line.edit is None else line.edit
        custom_id = custom_id_of(raw)
        if line.problem:
            of_picture = [] if "init_image" in line.problem else intake.trouble_with_picture(raw)
            self.rejected.append(Rejection(line.number, custom_id, [line.problem, *line.faults, *of_picture]))
            return
        errors = [*self._used_before(custom_id, line.name or line.number), *line.faults]
        try:
            admitted = intake.admit(raw, redo_of=line.redo_of, shown=line.shown)
        except InvalidEditError as error:
            told = set(map(_subject, line.faults))  # such a field may be missing only because it could not be read
            errors += [worded for worded in map(line.worded, error.errors) if _subject(worded) not in told]
        if errors:
            self.rejected.append(Rejection(line.number, custom_id, errors))
            return
        self.entries.append((line.number, intake.entry(admitted)))
        self.estimate.add(admitted.edit)

    def _used_before(self, custom_id: str | None, place: int | str) -> list[str]:
        if custom_id is None or (first := self.places.setdefault(custom_id, place)) == place:
            return []
        where = f"by {first}" if isinstance(first, str) else f"on {self.noun} {first}"
        return [f"custom_id {custom_id!r} is already used {where}; each must be unique in the batch"]

    def forget_names(self) -> None:
        """Look for a ``custom_id`` that is used twice from here on only: a source may be too long to remember all."""
        self.places.clear()

    def acceptable(self, skip_invalid: bool) -> bool:
        """Tell whether it may be enqueued: some edits are valid, and all are or the others may be skipped."""
        return bool(self.entries) and (skip_invalid or not self.rejected)

    def batch_id(self, digits: int = 8) -> str:
        """An id made of the manifest's name and its edits, so that the same manifest again is the same batch.

        ``digits``: of the hash in it.
        """
        content = hashlib.sha256()
        for _, entry in self.entries if self.identity is None else ():
            content.update(f"{entry.custom_id} {entry.digest}\n".encode())
        content.update((self.identity or "").encode())
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", self.stem).lstrip("._-")[:STEM]
        return f"{stem or 'batch'}-{content.hexdigest()[:digits]}"

    def reject_conflicts(self, custom_ids: Collection[str], there: Iterable[Made] = ()) -> None:
        """Reject the edits that are in the batch already with other parameters; ``there``: as the batch has them."""
        if not custom_ids:
            return
        known = {made.custom_id: made for made in there}
        clash = [
            Rejection(line, e.custom_id, [explain_conflict(self.defaults, e, known.get(e.custom_id))])
            for line, e in self.entries
            if e.custom_id in custom_ids
        ]
        self.rejected = sorted(self.rejected + clash)
        self.entries = [(line, e) for line, e in self.entries if e.custom_id not in custom_ids]

    def reject(self, reasons: Mapping[int, str]) -> None:
        """Reject the edits of these numbers, for these reasons."""
        if not reasons:
            return
        found = [Rejection(line, e.custom_id, [reasons[line]]) for line, e in self.entries if line in reasons]
        self.rejected = sorted(self.rejected + found)
        self.entries = [(line, e) for line, e in self.entries if line not in reasons]

    def images(self) -> list[tuple[int, str]]:
        """Number and ``init_image`` of each valid edit."""
        everyone = self.defaults.get("init_image", "")
        return [(line, json.loads(entry.parameters).get("init_image", everyone)) for line, entry in self.entries]


def _subject(error: str) -> str:
    return error.partition(" ")[0]


def check(source: Source, stem: str, intake: Intake) -> CheckedEdits:
    """Read a whole source and check each edit; ``stem`` is what a batch's id is to begin with.

    Raises InputError if it cannot be read.
    """
    checked = CheckedEdits(stem, intake.defaults)
    for line in source:
        checked.add(line, intake)
    checked.estimate.equal, notes = equal_edits([entry for _, entry in checked.entries])
    checked.notes += source.notes + notes
    return checked
