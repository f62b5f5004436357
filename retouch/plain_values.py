"""Values as other libraries hold them (numpy, pandas, Arrow), as plain Python values. None of these is imported."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from decimal import Decimal
from os import PathLike, fspath
from typing import Any

_PLAIN = frozenset({str, bool, int, dict, list, type(None)})
_MISSING = frozenset({"NAType", "NaTType"})  # pandas' own kinds of nothing
MAX_EXACT = 2**53  # below it a float holds every whole number, and no other one


def plain(value: Any) -> Any:
    """The same value without its library: numpy's numbers are Python's, NaN is None, a path is text."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, float):  # numpy's float64 is one
        return None if math.isnan(value) else float(value)
    if isinstance(value, str):
        return str(value)
    if type(value).__name__ in _MISSING:
        return None
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, Decimal):
        if value.is_nan():
            return None
        return int(value) if value.is_finite() and not value % 1 else float(value)
    return _scalar(value)


def _scalar(value: Any) -> Any:
    item = getattr(value, "item", None)  # numpy's and Arrow's scalars differ from arrays by their shape
    if callable(item) and getattr(value, "shape", None) == ():
        return plain(item())
    return value


def whole(value: Any) -> Any:
    """A float that is a whole number as int: ``512.0`` is 512, as tables with an empty cell in a column hold it."""
    if type(value) is float and value.is_integer() and abs(value) < MAX_EXACT:
        return int(value)
    return value


def is_whole_text(text: str) -> bool:
    """Whether the text can be written in UTF-8: half of a surrogate pair cannot."""
    return text.isascii() or text.encode(errors="ignore").decode() == text


def plain_fields(given: Mapping[str, Any], whole_numbers: Container[str] = ()) -> dict[str, Any]:
    """Fields with plain values, without those that are NaN or another kind of nothing than None."""
    fields = {}
    for name, value in given.items():
        kind = type(value)
        if kind in _PLAIN or (kind is float and value == value and name not in whole_numbers):
            fields[name] = value  # nearly all are: this runs for each field of each edit
        elif (known := plain(value)) is not None:
            fields[name] = whole(known) if name in whole_numbers else known
    return fields
