"""What the query of a request that enqueues edits says: about its edits, and about their batch."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from retouch.errors import InputError
from retouch.intake.admission import InvalidEditError
from retouch.intake.manifest import Columns
from retouch.intake.values import checked_value
from retouch.ledger.constants import WEIGHT_MAX, WEIGHT_MIN


class Terms(NamedTuple):
    """The same, read: how the edits' fields are found, and what the batch is given."""

    columns: Columns
    defaults: dict[str, Any]
    weight: float


class Asked(BaseModel):
    """The query. What is mistyped is refused: a batch would go without what was meant to bound it."""

    model_config = ConfigDict(extra="forbid")

    set: list[str] = Field([], description="`FIELD=VALUE`, several times: a field for all edits that do not set it.")
    column: list[str] = Field(
        [], description="`OURS=THEIRS`, several times: a column that has another name, as `prompt=caption`."
    )
    keep_columns: bool = Field(False, description="Keep what is no field of an edit as its metadata.")
    weight: float = Field(
        1.0,
        ge=WEIGHT_MIN,
        le=WEIGHT_MAX,
        description="The share of a new batch: 2 gets twice the turns of 1.",
    )

    def terms(self) -> Terms:
        """Read it; raises InputError."""
        return Terms(Columns.parse(self.column, keep=self.keep_columns), _defaults(self.set), self.weight)


def _defaults(pairs: list[str]) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or name in defaults:
            wrong = "is given twice" if equals else "has no =: write set=FIELD=VALUE"
            raise InputError(f"set={pair[:80]} {wrong}")
        try:
            defaults[name] = checked_value(name, text)
        except InvalidEditError as error:
            raise InputError(f"set={pair[:80]}: {error}") from None
    return defaults
