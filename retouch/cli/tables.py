"""Writes results as JSON lines, CSV or Parquet, a page at a time."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import IO, Any

from retouch.cli.flat import as_text, cells
from retouch.errors import InputError
from retouch.extras import install

PAGE_ROWS = 10_000  # rows in memory, and in one row group of Parquet
_TIMES = ("submitted_at", "completed_at")
# A spreadsheet takes such a text for a formula, and runs it: prompts and messages of an API come from anywhere. Some
# leave out what is not seen before it, and take the wide signs of Chinese and Japanese for the usual ones.
_FORMULA = re.compile("[\t\r\n]|[\\s\x00-\x1f\u200b\u2060\ufeff]*[=+\\-@\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Dialect:
    """How CSV is written: what separates cells, and for spreadsheets a BOM (it says UTF-8) and decimal commas."""

    delimiter: str = ","
    bom: bool = False
    decimal_comma: bool = False


PLAIN = Dialect()
SPREADSHEETS = {
    ",": Dialect(",", bom=True),
    ";": Dialect(";", bom=True, decimal_comma=True),
    "tab": Dialect("\t", bom=True),
}


class Format(StrEnum):
    """How results are written."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


def write_jsonl(records: Iterable[Record], names: Sequence[str], out: IO[str]) -> None:
    """One object a line; ``names`` are its fields, none: all, as they are."""
    for record in records:
        shown = dict(zip(names, cells(record, names), strict=True)) if names else dict(record)
        out.write(json.dumps(shown) + "\n")


def write_csv(records: Iterable[Record], names: Sequence[str], out: IO[str], dialect: Dialect = PLAIN) -> None:
    """A header and one row an edit; a text that a spreadsheet would run as a formula gets a ``'`` before it."""
    if dialect.bom:
        out.write("\ufeff")
    table = csv.writer(_LineFeeds(out), delimiter=dialect.delimiter, lineterminator=_LineFeeds.REPLACED)
    table.writerow(map(_harmless, names))
    for record in records:
        table.writerow([_cell(value, dialect) for value in cells(record, names)])


def write_parquet(records: Iterable[Record], types: Mapping[str, frozenset[type]], path: Path) -> None:
    """A file with a column for each name in ``types``; raises InputError where pyarrow is not installed."""
    try:
        import pyarrow  # noqa: PLC0415 - the extra `tables` is optional, and slow to load
        from pyarrow import parquet  # noqa: PLC0415 - the same
    except ImportError:
        raise InputError(f"Parquet needs pyarrow: {install('pyarrow')}") from None
    columns = {name: _arrow_type(pyarrow, name, found) for name, found in types.items()}
    schema = pyarrow.schema(list(columns.items()))
    with parquet.ParquetWriter(path, schema) as file:
        for page in _pages(records):
            rows = [cells(record, list(columns)) for record in page]
            values = zip(*rows, strict=True)
            arrays = [
                pyarrow.array([_fitting(pyarrow, value, kind) for value in column], kind)
                for column, kind in zip(values, columns.values(), strict=True)
            ]
            file.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


class _LineFeeds:
    """Rows end in a line feed; the csv module puts cells in quotes only for the signs that it ends rows with."""

    REPLACED = "\r\n"

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def write(self, row: str) -> None:
        self._out.write(row.removesuffix(self.REPLACED) + "\n")


def _cell(value: Any, dialect: Dialect) -> str:
    text = as_text(value)
    if isinstance(value, float):
        return text.replace(".", ",") if dialect.decimal_comma else text
    return _harmless(text) if isinstance(value, str) else text


def _harmless(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _arrow_type(pyarrow: Any, name: str, found: frozenset[type]) -> Any:
    if name in _TIMES:
        return pyarrow.timestamp("ms", tz="UTC")
    if found == {bool}:
        return pyarrow.bool_()
    if found == {int}:
        return pyarrow.int64()
    if found and found <= {int, float}:
        return pyarrow.float64()
    return pyarrow.string()


def _fitting(pyarrow: Any, value: Any, kind: Any) -> Any:
    if value is None:
        return None
    if pyarrow.types.is_timestamp(kind):
        return datetime.fromisoformat(value)
    return as_text(value) if pyarrow.types.is_string(kind) else value


def _pages(records: Iterable[Record]) -> Iterator[list[Record]]:
    left = iter(records)
    while page := list(islice(left, PAGE_ROWS)):
        yield page
