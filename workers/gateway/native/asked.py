"""What the query of a request that enqueues edits says: about its edits, and about their batch."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field

from retouch.errors import InputError
from retouch.failure_limit import FailureLimit
from retouch.intake.admission import InvalidEditError
from retouch.intake.manifest import Columns
from retouch.intake.values import checked_value
from retouch.ledger.constants import WEIGHT_MAX, WEIGHT_MIN
from retouch.price import Budget
from workers.gateway.intake import Terms

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def _as_written(text: Any) -> Any:
    """What is no time as the document says it: a number would be taken for seconds since 1970."""
    if isinstance(text, str) and not _DATE.match(text):
        raise ValueError("write a time such as 2026-11-27T18:00:00Z")
    return text


Moment = Annotated[AwareDatetime, BeforeValidator(_as_written)]


class Asked(BaseModel):
    """The query, by its names."""

    set: list[str] = Field([], description="`FIELD=VALUE`, several times: a field for all edits that do not set it.")
    column: list[str] = Field(
        [], description="`OURS=THEIRS`, several times: a column that has another name, as `prompt=caption`."
    )
    keep_columns: bool = Field(False, description="Keep what is no field of an edit as its metadata.")
    weight: float = Field(
        1.0,
        ge=WEIGHT_MIN,
        le=WEIGHT_MAX,
        description="The share of a new batch: 2 gets twice the turns of 1, and needs the scope `operate`.",
    )

    max_failures: str | None = Field(
        None, description="`10` or `1%`: with more failed edits the batch is paused. Given again it must be the same."
    )
    budget: str | None = Field(
        None, description="What the batch may cost, as `20` or `20 USD`. Given again it must be the same."
    )
    open_until: Moment | None = Field(
        None, description="More edits may come until then: the batch does not end before. Of several the latest counts."
    )

    def columns(self) -> Columns:
        """How the edits' fields are found; raises InputError."""
        return Columns.parse(self.column, keep=self.keep_columns)

    def defaults(self) -> dict[str, Any]:
        """The fields for all edits that do not set them; raises InputError."""
        return _defaults(self.set)

    def terms(self, notify: str | None) -> Terms:
        """What the batch is given; raises InputError."""
        limit = FailureLimit.text(self.max_failures) or None
        budget = str(Budget.parse(self.budget)) if self.budget else None
        return Terms(self.weight, limit, notify, self.open_until, budget=budget)


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
