"""The columns of a table of results (``retouch.rows``), and what stands in its cells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from retouch.edit import Edit
from retouch.errors import InputError
from retouch.nearest import nearest
from retouch.rows import WHOLE, Row, flat

OUTPUT_FIELDS = ("uri", "sha256", "bytes", "width", "height", "content_type", "blank", "filtered")
LARGEST_INT = 2**63 - 1  # what a column of whole numbers takes; a larger one is text there
MOST_OUTPUTS = 4  # images of one edit
_BEFORE_OUTPUTS = ("custom_id", "state", "error.code", "error.message")
_AFTER_OUTPUTS = (
    *("init_image", "uploaded_as", "redo_of", "seed", "attempts", "provider_id", "possible_duplicate"),
    *("cost.amount", "cost.currency"),
    *("submitted_at", "completed_at"),
)
_OUTPUTS = tuple(f"outputs.{place}.{field}" for place in range(MOST_OUTPUTS) for field in OUTPUT_FIELDS)
_LATER_OUTPUTS = tuple(f"outputs.{place}." for place in range(1, MOST_OUTPUTS))
_FIXED = _BEFORE_OUTPUTS + _OUTPUTS + _AFTER_OUTPUTS
_NO_PARAMETERS = ("custom_id", "init_image", "metadata", "extra")  # fields of an edit with places of their own
_PARAMETERS = tuple(f"parameters.{field}" for field in Edit.model_fields if field not in _NO_PARAMETERS)
_FREE = ("parameters.", "metadata.")  # what follows is the producer's own
_GROUP = re.compile(r"(error|cost|parameters|metadata|outputs\.\d+)\.")


class Columns:
    """The columns of all results that it is shown, and the types of their values."""

    def __init__(self) -> None:
        self._types: dict[str, set[type]] = {}

    def see(self, row: Row) -> None:
        """Take the names and types of one row into account."""
        for name, value in row.items():
            types = self._types.setdefault(name, set())
            if value is not None:
                types.add(str if isinstance(value, int) and abs(value) > LARGEST_INT else type(value))

    def default(self) -> list[str]:
        """What a table has: all that occurs, the fixed columns first, then parameters and metadata by name."""
        fixed = [name for name in _FIXED if name in self._types]
        basic = [name for name in ("custom_id", "state", "outputs.0.uri") if name not in self._types]
        return (fixed or basic) + sorted((name for name in self._types if name not in _FIXED), key=_group)

    def check(self, names: Sequence[str]) -> None:
        """Raise InputError for a name that no result has, with what may be meant and all that there are."""
        known = {*self._types, *_FIXED, *_PARAMETERS, *WHOLE}
        unknown = [name for name in names if name not in known]
        if unknown and (self._types or not unknown[0].startswith(_FREE)):
            meant = _meant(unknown[0], there := self._all())
            then = f", did you mean {meant}? There" if meant else "; there"
            raise InputError(f"--fields: there is no {unknown[0][:80]!r} in these results{then} are {', '.join(there)}")

    def types(self, name: str) -> frozenset[type]:
        """The types of a column's values, without None."""
        return frozenset(self._types.get(name, ()))

    def _all(self) -> list[str]:
        """The names of all columns: of images those of the first one, and of others that there are."""
        fixed = [name for name in _FIXED if name in self._types or not name.startswith(_LATER_OUTPUTS)]
        return [*fixed, *WHOLE, *sorted({*self._types, *_PARAMETERS} - set(_FIXED), key=_group)]


def _group(name: str) -> tuple[bool, str]:
    return name.startswith("metadata."), name


def _meant(name: str, names: Sequence[str]) -> str | None:
    """The name that ends in the same, or else the one that is most like it."""
    ends = {_end(one): one for one in reversed(names)}
    found = ends.get(_end(name)) or nearest(name, names)
    return found or ends.get(nearest(_end(name), ends) or "")


def _end(name: str) -> str:
    """A name without what it is a part of: ``sku`` of ``metadata.sku``, ``uri`` of ``outputs.0.uri``."""
    return _GROUP.sub("", name)


def cells(record: Mapping[str, Any], names: Iterable[str]) -> list[Any]:
    """A result's values under these names; None where it has none."""
    row = {**record, **flat(record)}
    return [row.get(name) for name in names]


def as_text(value: Any) -> str:
    """A value as a cell of a table: empty for None, ``true`` and ``false``, JSON for what is nested."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return json.dumps(value)
    return value.encode(errors="replace").decode()  # half a surrogate pair, which JSON can hold, is no UTF-8
