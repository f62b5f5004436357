"""The workers, the keys, and what it all costs, a list each: what the page has a table of, and scripts may want."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import FastAPI, Query

from retouch.access_keys import AccessKey
from retouch.ledger import BatchView
from retouch.records import AccessKeysRecord, BudgetRecord, SpendingRecord, WorkersRecord
from workers.gateway.context import Gateway
from workers.gateway.native.batches import Reader, of_all
from workers.gateway.problems import Kind, described

NEWEST = 1000  # batches that are looked at for their budgets
MONEY_DAYS = 400  # as long as the ledger keeps them
_ANSWERS = described(Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.INVALID, Kind.TOO_MANY, Kind.BUG, Kind.AWAY)
_Overseer = Annotated[AccessKey, of_all("keys are of the whole gateway")]


def add_overview(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""
    queue = gateway.queue
    more: dict[str, Any] = {"tags": ["installation"], "responses": _ANSWERS}

    @app.get("/v1/workers", summary="The live workers: where each runs, its version, what it has in hand", **more)
    def workers(key: Reader) -> WorkersRecord:  # noqa: ARG001 - it is looked at
        return {"workers": [one.to_json() for one in queue.crew()], "differences": queue.differences()}

    @app.get("/v1/keys", summary="Who may call the gateway, for what; no secrets", **more)
    def keys(key: _Overseer) -> AccessKeysRecord:  # noqa: ARG001 - it is looked at
        return {"keys": [one.to_json() for one in gateway.keys.all()]}

    @app.get("/v1/money", summary="What submits cost by day, and the batches that have a budget", **more)
    def money(
        key: Reader,
        days: Annotated[
            int, Query(ge=1, le=MONEY_DAYS, description="So many (UTC), with today; none for a key with a prefix.")
        ] = 30,
    ) -> SpendingRecord:
        price = queue.price()
        found = [] if key.prefix else queue.money(days)
        return {
            "price": price.to_json() if price else None,
            "days": [day.to_json() for day in found],
            "batches": _budgets(queue.batches(NEWEST, prefix=key.prefix)),
        }


def _budgets(views: Iterable[BatchView]) -> list[BudgetRecord]:
    return [
        {"batch": view.batch, "state": view.shown_state, "money": view.money.to_json()}
        for view in views
        if view.money and view.money.budget is not None
    ]
