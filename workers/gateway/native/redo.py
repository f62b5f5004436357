"""``POST /v1/batches/{batch}/redo``: edits of a batch once more, in a batch of their own."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from starlette.responses import Response

from retouch.access_keys import AccessKey, Scope
from retouch.failure_limit import FailureLimit
from retouch.intake.redo import Wish
from retouch.ledger import OTHER_GROUP
from retouch.media.stores import open_store
from retouch.price import Budget
from workers.gateway.body import small_body
from workers.gateway.context import Gateway
from workers.gateway.gate import needs
from workers.gateway.intake import Order, Taken, Terms
from workers.gateway.native.batches import BatchId, found
from workers.gateway.native.submit import AT_ONCE, MAX_JSON, Accepted, accepted, json_object
from workers.gateway.problems import Kind, described
from workers.gateway.threads import Threads


class RedoAsked(BaseModel):
    """Which edits are done again, and what is changed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    only: Literal["failed", "blank"] | list[str] = Field(
        description="Those that failed, those with an image that is blank or may be, or those of these custom_ids."
    )
    set: dict[str, JsonValue] = Field({}, description="Fields that are changed; null: it is not set any more.")
    vary: dict[str, list[JsonValue]] = Field(
        {}, description='Each edit once for every combination of values, as `{"seed": [1, 2, 3]}`.'
    )
    new_seeds: int = Field(
        0, ge=0, le=100, description="So often each edit, every time with a seed that no other one has."
    )
    groups: list[int] = Field(
        [], max_length=OTHER_GROUP, description="Of those that failed the ones in these groups of failures alone."
    )
    size: str = Field("", description="Of edits that set none: `fit:512` or `512x384`.")
    max_failures: str | None = Field(None, description="`10` or `1%`, for the new batch.")
    budget: str | None = Field(None, description="`20` or `20 USD`: what the new batch may cost in all.")
    dry_run: bool = Field(False, description="Only check, and tell how much it would be.")


class Redone(Accepted):
    """The new batch, and what of the request is new in it."""

    waiting: int = Field(description="Edits of the batch that have not ended: they may still fail, or become blank.")


def add_redo(app: FastAPI, gateway: Gateway) -> None:
    """Add the route."""
    queue, threads = gateway.queue, Threads(AT_ONCE)

    def take(key: AccessKey, batch: str, asked: RedoAsked) -> tuple[Taken, int]:
        found(gateway, key, batch)
        wish = Wish.of(asked.only, asked.set, asked.vary, asked.size, asked.new_seeds, asked.groups)
        limit = FailureLimit.text(asked.max_failures) or None
        redone = queue._redone(batch, wish)  # noqa: SLF001 - no matter of a producer's
        order = Order(
            wish.source(redone, cache(open_store)),
            queue.redo_id(batch, wish.content),
            terms=Terms(
                max_failures=limit,
                origin={"redo_of": batch, "content": wish.content},
                budget=str(Budget.parse(asked.budget)) if asked.budget else None,
            ),
            noun="edit",
            named=wish.pictures,
            dry_run=asked.dry_run,
        )
        return gateway.desk.take(key, order), len(redone.waiting)

    @app.post(
        "/v1/batches/{batch}/redo",
        status_code=201,
        tags=["batches"],
        summary="Do edits of a batch again, in a batch of their own; the same again is the same batch",
        responses={
            200: {"model": Redone, "description": "All of it was there already, or nothing is done"},
            201: {"model": Redone, "description": "Accepted: all of it"},
            **described(
                *(Kind.BAD_REQUEST, Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.NOT_FOUND, Kind.TOO_SLOW, Kind.CANCELLED),
                *(Kind.TOO_LARGE, Kind.WRONG_TYPE, Kind.INVALID, Kind.REJECTED, Kind.TOO_MANY, Kind.BUG, Kind.AWAY),
            ),
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/RedoAsked"}}},
            }
        },
    )
    async def redo(request: Request, batch: BatchId, key: Annotated[AccessKey, needs(Scope.SUBMIT)]) -> Response:
        asked = _read(await small_body(request, MAX_JSON))
        taken, waiting = await threads.run(take, key, batch, asked)
        told: dict[str, Any] = {**accepted(taken), "waiting": waiting}
        return JSONResponse(told, 201 if taken.receipt.accepted else 200)


def _read(body: bytes) -> RedoAsked:
    """The body, which may name more edits than FastAPI would hold; raises RequestValidationError, as FastAPI does."""
    fields = json_object(body)
    try:
        return RedoAsked.model_validate(fields)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in faults]) from None
