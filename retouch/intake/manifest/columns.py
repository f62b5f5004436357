"""Names that are not ours: those of a producer's columns, or of the keys in its JSON lines."""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from retouch.edit import MAX_METADATA, Edit
from retouch.errors import InputError
from retouch.intake.manifest.foreign import SYNONYMS, shape_of

OURS = frozenset(Edit.model_fields)
METADATA = "metadata."  # begins the name of a column that is one text of the metadata
_NOT_IN_NAMES = re.compile(r"[\s_\-\u200b\ufeff]+")
SHOWN = 12  # names in one message


def fold(name: str) -> str:
    """A name without what is no difference: case, blanks, ``_`` and ``-``."""
    return _NOT_IN_NAMES.sub("", name).casefold()


_FOLDED = {fold(name): name for name in OURS}
_CALLED = {fold(theirs): ours for theirs, ours in SYNONYMS.items()}


@dataclass(frozen=True)
class Columns:
    """What is done with names that are not ours: ``renamed`` (theirs: ours), and whether the others are kept."""

    renamed: Mapping[str, str] = field(default_factory=dict)
    keep: bool = False

    @classmethod
    def parse(cls, pairs: Iterable[str], *, keep: bool = False) -> Columns:
        """Read ``OURS=THEIRS`` pairs; raises InputError that names the option."""
        renamed: dict[str, str] = {}
        for pair in pairs:
            ours, equals, theirs = (part.strip() for part in pair.partition("="))
            if not equals or not theirs:
                raise InputError(f"--column {pair[:80]}: write OURS=THEIRS, such as prompt=caption")
            if ours not in OURS and not ours.startswith(METADATA):
                raise InputError(
                    f"--column {pair[:80]}: {ours!r} is no field of an edit ({', '.join(Edit.model_fields)})"
                )
            if theirs in renamed or ours in renamed.values():
                raise InputError(f"--column {pair[:80]}: {theirs if theirs in renamed else ours!r} is given twice")
            renamed[theirs] = ours
        return cls(renamed, keep)

    def ours(self, theirs: str) -> str | None:
        """The field (or ``metadata.NAME``) that a column's name means; None if it is not ours."""
        if theirs in self.renamed:
            return self.renamed[theirs]
        folded = fold(theirs)
        for name, ours in self.renamed.items():
            if fold(name) == folded:
                return ours
        if theirs.startswith(METADATA) and theirs != METADATA:
            return theirs
        return _FOLDED.get(folded)


def as_text(value: object) -> str | None:
    """A value as a text of the metadata; None if it says nothing. Raises ValueError if it is nested."""
    if value is None or value != value:  # the latter: NaN
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict | list | bytes):
        raise ValueError("is nested: metadata holds texts, numbers and booleans")  # noqa: TRY004 - the cell is wrong
    return json.dumps(value, default=str)


def refusal(name: str, unknown: Iterable[str], have: Collection[str]) -> str:
    """What to do about names that are not ours, in one sentence or two; ``have``: fields that are there."""
    names = list(unknown)
    shown = ", ".join(repr(one[:80]) for one in names[:SHOWN]) + (
        f" and {len(names) - SHOWN} more" if names[SHOWN:] else ""
    )
    what = f"an unknown column {shown}" if len(names) == 1 else f"unknown columns {shown}"
    return (
        f"{name} has {what}; write {suggested(names, have)} to read {'it' if len(names) == 1 else 'them'} as ours, or"
        f" --keep-columns to keep what is not ours with the edits as metadata (ours: {', '.join(Edit.model_fields)};"
        " other fields of the API go as JSON into extra)"
    )


def suggested(names: Sequence[str], have: Collection[str] = ()) -> str:
    """The options that read these names as the fields which they probably mean; ``have``: fields that are there."""
    found: dict[str, str] = {}
    for name in names:
        if (ours := _meant(name)) and ours not in have:
            found.setdefault(ours, name)
    pairs = [f"{ours}={theirs}" for ours, theirs in found.items()] or [f"OURS={names[0]}"]
    return " ".join(f"--column {shlex.quote(pair[:80])}" for pair in pairs[:SHOWN])


def _meant(name: str) -> str | None:
    if ours := _CALLED.get(fold(name)):
        return ours
    near = difflib.get_close_matches(fold(name), list(_FOLDED), n=1, cutoff=0.75)
    return _FOLDED[near[0]] if near else None


class Keys:
    """Reads the keys of JSON objects."""

    def __init__(self, columns: Columns, name: str) -> None:
        self._columns = columns
        self._name = name
        self._unknown: Counter[str] = Counter()
        self._read_as: dict[str, str] = {}  # by key, each that was there
        self._have: set[str] = set()
        self.known = OURS if not columns.renamed else frozenset[str]()  # an object of these alone is read as it is

    def read(self, number: int, fields: dict[str, Any], *, first: bool) -> dict[str, Any]:
        """The object under our names; ValueError if it cannot be, InputError if the first is of another program."""
        fields = self._renamed(fields)
        unknown = [name for name in fields if name not in OURS]
        if first and not self._columns.keep and (shape := shape_of(fields)):
            raise InputError(f"{self._name} line {number} {shape}")
        if not unknown:
            return fields
        if self._columns.keep:
            return self._kept(fields, unknown)
        self._unknown.update(unknown)
        self._have |= fields.keys() & OURS
        return fields

    def _renamed(self, fields: dict[str, Any]) -> dict[str, Any]:
        read: dict[str, Any] = {}
        given: dict[str, str] = {}
        for theirs, value in fields.items():
            if theirs not in self._read_as:
                self._read_as[theirs] = self._columns.ours(theirs) or theirs
            ours = self._read_as[theirs]
            if ours in read:
                raise ValueError(f"has both {given[ours][:80]!r} and {theirs[:80]!r}, which is read as {ours!r}")
            read[ours], given[ours] = value, theirs
        metadata = {name: read.pop(name) for name in list(read) if name.startswith(METADATA)}
        return _with_metadata(read, {name.removeprefix(METADATA): value for name, value in metadata.items()})

    def _kept(self, fields: dict[str, Any], unknown: Collection[str]) -> dict[str, Any]:
        return _with_metadata({k: v for k, v in fields.items() if k not in unknown}, {k: fields[k] for k in unknown})

    def notes(self) -> list[str]:
        """What to do about keys that are not ours; raises InputError for a --column that named none."""
        there = set(map(fold, self._read_as))
        if missed := [theirs for theirs in sorted(self._columns.renamed) if fold(theirs) not in there]:
            raise InputError(f"--column: no line of {self._name} has {', '.join(map(repr, missed))}")
        notes = []
        if read := [f"{theirs} as {ours}" for theirs, ours in self._read_as.items() if ours != theirs]:
            notes.append(f"keys read: {', '.join(read[:SHOWN])}")
        if self._unknown:
            notes.append(refusal(self._name, [name for name, _ in self._unknown.most_common()], self._have))
        return notes


def _with_metadata(fields: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with more texts in their metadata; raises ValueError."""
    if not more:
        return fields
    own = fields.get("metadata") or {}
    if not isinstance(own, dict):
        raise ValueError("has metadata that is not a JSON object")  # noqa: TRY004 - the line is wrong
    texts = {}
    for name, value in more.items():
        if name in own:
            raise ValueError(f"has {name[:80]!r} twice: by itself and in metadata")
        try:
            texts[name] = as_text(value)
        except ValueError as error:
            raise ValueError(f"has a field {name[:80]!r} that {error}") from None
    return fields | {"metadata": own | {name: text for name, text in texts.items() if text is not None}}


def check_kept(name: str, kept: list[str]) -> None:
    """Refuse more columns than an edit's metadata holds; raises InputError."""
    if len(kept) > MAX_METADATA:
        raise InputError(
            f"{name} has {len(kept)} columns that are not ours; --keep-columns keeps at most {MAX_METADATA}:"
            " remove some, or put them into one as JSON"
        )
