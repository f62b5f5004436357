"""Tables that are text: CSV and its kin, as spreadsheets, pandas, R and databases write them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import BinaryIO

from retouch.errors import InputError
from retouch.intake.manifest.columns import Columns
from retouch.intake.manifest.layout import Layout
from retouch.intake.manifest.lines import MAX_LINE, texts
from retouch.intake.source import Line

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "|"}
_TOLD = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)
_SNIFFED = 20  # lines: a header may have line ends in it
_TYPOGRAPHIC = re.compile("[\u201c\u201d\u201e\u00ab\u00bb]")
_ENDLESS = 'has a cell that is too large, or that begins with " and does not end'
_REASONS = (
    ("expected after", 'has a " inside a cell that begins with one; write it twice ("")'),
    ("unexpected end", 'has a cell that begins with " and does not end'),
    ("field limit", _ENDLESS),
)


class Table:
    """An open table, a ``Source``. Numbers of lines are those of an editor: a row may span several."""

    def __init__(self, stream: BinaryIO, name: str, columns: Columns) -> None:
        self.notes: list[str] = []
        self._stream = stream
        self._name = name
        self._columns = columns
        self._layout: Layout | None = None
        self._trailing = False

    def __iter__(self) -> Iterator[Line]:
        csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE))  # a picture may stand in a cell
        read = 0
        for number, row, problem in self._rows():
            if self._layout is None:
                if problem:
                    raise InputError(f"{self._name} line {number} {problem}")
                self._layout = Layout(self._name, row, self._columns)
                continue
            read += 1
            yield Line(number, {}, problem) if problem else self._line(number, row, self._layout)
        if self._layout is None or not read:
            raise InputError(f"{self._name} is empty: it {'has a header, and ' if self._layout else ''}holds no edit")
        self.notes += self._layout.notes()
        if self._trailing:
            self.notes.append("empty cells after the last column are left out")

    def _rows(self) -> Iterator[tuple[int, list[str], str | None]]:
        """Yield number, cells and problem of each row that is not blank."""
        lines = texts(self._stream, self._name, self.notes)
        head = list(islice(lines, _SNIFFED))
        told = next((n for n, line in enumerate(head[:3]) if line.strip()), None)
        match = _TOLD.fullmatch(head[told]) if told is not None else None
        if match and told is not None:
            head[told] = "\n"  # it counts as a line
        self._separator = match[1] if match else separator_of(head, self._columns)
        if self._separator != "," or match:
            self.notes.append(
                f"{self._name}: cells are read as separated by {SEPARATORS.get(self._separator, self._separator)}"
            )
        rows = csv.reader(chain(head, lines), delimiter=self._separator, strict=True, skipinitialspace=True)
        before = 0
        while True:
            row, problem = _next(rows)
            number, before = before + 1, rows.line_num
            if row is None and problem is None:
                return
            if problem == _ENDLESS:  # nobody knows where the next row begins
                raise InputError(f"{self._name} line {number} {problem}")
            if problem or any(cell.strip() for cell in row or ()):
                yield number, row or [], problem

    def _line(self, number: int, row: list[str], layout: Layout) -> Line:
        while len(row) > len(layout) and not row[-1].strip():
            self._trailing = True
            row.pop()
        fields, problem = layout.fields(row)
        if len(row) != len(layout):  # who knows which cell is which field, but for the name
            fields = {name: value for name, value in fields.items() if name == "custom_id"}
            problem = f"has {len(row)} {'cell' if len(row) == 1 else 'cells'}, the header has {len(layout)}" + (
                self._why(row) if len(row) > len(layout) else ""
            )
        return Line(number, fields, problem)

    def _why(self, row: list[str]) -> str:
        if match := _TYPOGRAPHIC.search("".join(row)):
            return f'; a typographic quote ({match[0]}) does not hold a cell together: type plain ones (")'
        shown = {"\t": "a tab"}.get(self._separator, self._separator)
        return f'; a cell with {shown} in it must stand in double quotes (")'


def _next(rows: Iterator[list[str]]) -> tuple[list[str] | None, str | None]:
    try:
        return next(rows), None
    except StopIteration:
        return None, None
    except csv.Error as error:
        return None, next((said for word, said in _REASONS if word in str(error)), f"is not CSV: {error}")


def separator_of(head: list[str], columns: Columns) -> str:
    """The separator with which the header names most known columns, then that with most cells."""

    def score(separator: str) -> tuple[int, int]:
        row = header_of(head, separator)
        return sum(columns.ours(cell.strip()) is not None for cell in row), len(row)

    return max(SEPARATORS, key=score)


def header_of(head: list[str], separator: str) -> list[str]:
    """The first row that is not blank."""
    rows = csv.reader(head, delimiter=separator, skipinitialspace=True)
    try:
        return next((row for row in rows if any(cell.strip() for cell in row)), [])
    except csv.Error:
        return []
