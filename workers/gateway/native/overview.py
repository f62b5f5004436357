"""The workers, the keys, and what it all costs, a list each: what the page has a table of, and scripts may want."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query

from retouch.access_keys import AccessKey, Scope
from retouch.records.installation import WorkersRecord
from retouch.records.keys import AccessKeysRecord
from retouch.records.money import SpendingRecord
from retouch.spending import LOOKED_AT
from workers.gateway.context import Gateway
from workers.gateway.native.asked import Moment
from workers.gateway.native.batches import Reader, of_all
from workers.gateway.problems import Kind, described

MONEY_DAYS = 400  # as long as the ledger keeps them
_ANSWERS = described(Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.INVALID, Kind.TOO_MANY, Kind.BUG, Kind.AWAY)
_Overseer = Annotated[AccessKey, of_all("keys are of the whole gateway")]


def add_overview(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""
    queue = gateway.queue
    more: dict[str, Any] = {"tags": ["installation"], "responses": _ANSWERS}

    @app.get("/v1/workers", summary="The live workers: where each runs, its version, what it has in hand", **more)
    def workers(key: Reader) -> WorkersRecord:
        told = [one.to_json() for one in queue.crew()]
        if key.prefix or Scope.OPERATE not in key.scopes:  # what is set is no matter of whoever may send edits
            told = [one | {"settings": {}} for one in told]
        return {"workers": told, "differences": queue.differences()}

    @app.get("/v1/keys", summary="Who may call the gateway, for what; no secrets", **more)
    def keys(key: _Overseer) -> AccessKeysRecord:  # noqa: ARG001 - it is looked at
        return {"keys": [one.to_json() for one in gateway.keys.all()]}

    @app.get("/v1/money", summary="What submits cost: in all, by day, by sender and by batch", **more)
    def money(
        key: Reader,
        days: Annotated[
            int, Query(ge=1, le=MONEY_DAYS, description="So many (UTC), with today; none for a key with a prefix.")
        ] = 30,
        since: Annotated[Moment | None, Query(description="Of batches that were made then, or later.")] = None,
        until: Annotated[Moment | None, Query(description="Of batches that were made before.")] = None,
        by: Annotated[str, Query(max_length=80, description="Of batches with edits of this sender.")] = "",
        limit: Annotated[int, Query(ge=1, le=LOOKED_AT, description="So many batches, the dearest.")] = 100,
    ) -> SpendingRecord:
        found = [] if key.prefix else queue.money(days)
        spending = queue.spending(since=since, until=until, by=by, prefix=key.prefix)
        return spending.to_json(queue.price(), [day.to_json() for day in found], limit)
