"""The columns of a table: which field each is, and the edit that a row makes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from retouch.errors import InputError
from retouch.intake.manifest import cells
from retouch.intake.manifest.columns import METADATA, Columns, as_text, check_kept, fold, refusal, suggested
from retouch.intake.manifest.lines import MAX_TEXT, too_long

# How pandas names a column that had no name, and its index in Parquet.
_NAMELESS = re.compile(r"(?:Unnamed: \d+)?|__index_level_\d+__")
_COUNT = re.compile(r"-?\d+(?:\.0)?")


class _Column(NamedTuple):
    theirs: str
    ours: str  # a field, metadata.NAME, or empty: left out
    kept: bool = False


class Layout:
    """Made of a table's header; raises InputError if that is not one of edits."""

    def __init__(self, name: str, header: Sequence[str], columns: Columns) -> None:
        self._name = name
        self._columns = [_column(theirs.strip().strip("\ufeff\u200b"), columns) for theirs in header]
        self._check(columns)
        self._unset: Counter[str] = Counter()
        self._comma = ""
        self._left_out: Counter[str] = Counter()  # why a column without a name is left out

    def __len__(self) -> int:
        return len(self._columns)

    def fields(self, row: Sequence[Any]) -> tuple[dict[str, Any], str | None]:
        """The edit of a row, and all that is wrong with it."""
        fields: dict[str, Any] = {}
        metadata: dict[str, str] = {}
        problems = []
        if self._is_header(row):
            return {}, "is the header once more, as where tables were put together; take it out"
        for column, cell in zip(self._columns, row, strict=False):
            try:
                self._read(column, cell, fields, metadata)
            except ValueError as error:
                problems.append(f"has a cell {column.theirs[:80]!r} that {error}")
        if metadata:
            own = fields.get("metadata") or {}
            fields["metadata"] = {**own, **metadata} if isinstance(own, dict) else own
        return fields, "; ".join(problems) or None

    def _is_header(self, row: Sequence[Any]) -> bool:
        return len(row) == len(self._columns) and all(
            isinstance(cell, str) and fold(cell) == fold(column.theirs)
            for cell, column in zip(row, self._columns, strict=True)
        )

    def _read(self, column: _Column, cell: Any, fields: dict[str, Any], metadata: dict[str, str]) -> None:
        if isinstance(cell, str) and len(cell) > MAX_TEXT and column.ours != "init_image":
            raise ValueError(too_long(MAX_TEXT))
        if not column.ours:
            self._leave_out(column, cell)
        elif column.ours.startswith(METADATA):
            if (value := as_text(cells.text(cell))) is not None:
                metadata[column.ours.removeprefix(METADATA)] = value
        elif (value := cells.read(column.ours, cell)) is not None:
            fields[column.ours] = value
            if isinstance(cell, str) and "," in cell and column.ours in cells.NUMBERS and not isinstance(value, str):
                self._comma = self._comma or f"{cell.strip()} as {value:g}"
        elif isinstance(cell, str) and cell.strip():
            self._unset[cell.strip()] += 1

    def _leave_out(self, column: _Column, cell: Any) -> None:
        written = "" if cell is None else str(cell).strip()
        first = column is self._columns[0] or column.theirs.startswith("__index")
        if written and not (first and _COUNT.fullmatch(written)):
            raise ValueError(f"holds {written[:40]!r} and has no name; name the column in the header, or empty it")
        self._left_out["it counts the rows" if written else "it is empty"] += 1

    def notes(self) -> list[str]:
        """How the table was read, where that was not certain."""
        notes = []
        if names := [f"{c.theirs} as {c.ours}" for c in self._columns if c.ours not in ("", c.theirs) and not c.kept]:
            notes.append(f"columns read: {', '.join(names)}")
        if self._left_out:
            notes.append(f"a column without a name is left out ({' or '.join(sorted(self._left_out))})")
        if kept := [column.theirs for column in self._columns if column.kept]:
            notes.append(f"kept as metadata: {', '.join(kept)}")
        if self._comma:
            notes.append(f"decimal commas are read: {self._comma}")
        if self._unset:
            counted = (
                f"{text[:20]!r} in {n:,} {'cell' if n == 1 else 'cells'}" for text, n in self._unset.most_common(5)
            )
            notes.append(f"read as not set: {', '.join(counted)}")
        return notes

    def _check(self, columns: Columns) -> None:
        known = [column.ours for column in self._columns if column.ours and not column.kept]
        unknown = [column.theirs for column in self._columns if column.kept]
        if not known:
            names = [column.theirs for column in self._columns]
            shown = ", ".join(repr(name[:40]) for name in names[:8])
            raise InputError(
                f"{self._name} is not a table of edits: its header names no known column, such as custom_id or prompt;"
                f" it has {shown}. Write {suggested(names)} to read a column as ours"
            )
        if twice := [ours for ours, count in Counter(c.ours for c in self._columns if c.ours).items() if count > 1]:
            theirs = " and ".join(repr(c.theirs[:80]) for c in self._columns if c.ours == twice[0])
            raise InputError(f"{self._name} has the column {twice[0]!r} twice: {theirs[:200]}")
        self._check_renamed(columns)
        if unknown and not columns.keep:
            raise InputError(refusal(self._name, unknown, known))
        check_kept(self._name, unknown)
        if "custom_id" not in known:
            raise InputError(
                f"{self._name} has no column custom_id, which every edit needs: a name that is unique in the batch."
                " Add it, or read another column as it, such as --column custom_id=sku"
            )

    def _check_renamed(self, columns: Columns) -> None:
        have = [column.theirs for column in self._columns]
        folded = {fold(theirs) for theirs in have}
        for theirs, field in columns.renamed.items():
            if fold(theirs) not in folded:
                shown = ", ".join(repr(name[:40]) for name in have[:12])
                raise InputError(f"--column {field}={theirs}: {self._name} has no column {theirs!r} (it has {shown})")


def _column(theirs: str, columns: Columns) -> _Column:
    if ours := columns.ours(theirs):
        return _Column(theirs, ours)
    if _NAMELESS.fullmatch(theirs):
        return _Column(theirs, "")
    return _Column(theirs, METADATA + theirs, kept=True)
