"""Rows of texts, as ``csv.DictReader`` makes them: what is no text in an edit is read as in a manifest that is a table.

The texts stay letter for letter, unlike in a table: most edits that programs make hold texts alone, and mean them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retouch.errors import InputError
from retouch.intake.manifest import Columns
from retouch.intake.manifest.cells import TEXTS, read, text
from retouch.intake.manifest.columns import METADATA, OURS

_COLUMNS = Columns()


def field_of(column: str) -> str:
    """The field that a column's name means, whatever its case, blanks and hyphens; else the name itself."""
    return column if column in OURS else _COLUMNS.ours(column.strip()) or column


def is_text_row(record: Mapping[Any, Any]) -> bool:
    """Whether all of it is text: numbers are text in it too. (Under None are the cells that have no name.)"""
    return all(
        name is None or (isinstance(name, str) and isinstance(cell, str | None)) for name, cell in record.items()
    )


def fields_of(row: Mapping[str | None, Any]) -> dict[str, Any]:
    """The edit of a row, without fields that are empty; raises InputError if its texts cannot be read."""
    fields: dict[str, Any] = {}
    metadata: dict[str, str] = {}
    for column, cell in row.items():
        if column is None:
            raise InputError(
                'it has more cells than the header; a cell with a separator in it must stand in quotes (")'
            )
        name = field_of(column)
        if name in fields:
            raise InputError(f"two of its columns mean {name!r}; rename or remove one")
        if cell is None:
            fields[name] = None
        elif name.startswith(METADATA):
            metadata |= {name.removeprefix(METADATA): cell} if text(cell) is not None else {}
        elif (value := _value(name, cell)) is not None:
            fields[name] = value
    return {**fields, "metadata": {**(fields.get("metadata") or {}), **metadata}} if metadata else fields


def _value(name: str, cell: str) -> Any:
    if name not in OURS:
        return text(cell)
    if name in TEXTS:
        return cell if cell.strip() else None
    try:
        return read(name, cell)
    except ValueError as error:
        raise InputError(f"{name} {error}") from None
