"""A result as one flat row: each value under a name such as ``outputs.0.uri`` or ``metadata.sku``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Row = dict[str, Any]
WHOLE = ("error", "cost", "outputs", "parameters", "metadata")  # what holds others


def flat(record: Mapping[str, Any]) -> Row:
    """Every value of a result by its name; what is nested deeper (in ``parameters``) stays an object."""
    row: Row = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            row |= {f"{name}.{key}": inner for key, inner in value.items()}
        elif name in WHOLE and value is None:
            continue
        elif name == "outputs":
            row |= {f"outputs.{n}.{key}": inner for n, one in enumerate(value) for key, inner in one.items()}
        else:
            row[name] = value
    return row
