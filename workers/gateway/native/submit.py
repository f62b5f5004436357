"""``POST /v1/batches``: edits in JSON Lines, CSV or JSON become a batch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, NamedTuple, cast

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import Depends, FastAPI, Header, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.responses import Response

from retouch.access_keys import AccessKey, Scope
from retouch.edit import Edit
from retouch.errors import InputError, LedgerError, ServiceError
from retouch.intake.manifest import json_text
from retouch.intake.manifest.jsonl import JsonList
from retouch.intake.manifest.opening import declared
from retouch.intake.writing import Receipt
from retouch.records.intake import EstimateRecord
from workers.gateway.body import MIB, Body, kept_body
from workers.gateway.context import Gateway
from workers.gateway.gate import needs
from workers.gateway.intake import Order, Taken
from workers.gateway.native.asked import Asked
from workers.gateway.native.batches import BatchId, may_name
from workers.gateway.once import once
from workers.gateway.problems import Kind, ProblemError, described

NAME = "body"  # what messages call it
AT_ONCE = 4  # bodies that are checked and written at a time: each takes a thread, which others need for short questions
MAX_JSON = 8 * MIB  # bytes; it is held in memory whole
TABLES = ("text/csv", "text/tab-separated-values")
LINES = ("application/jsonl", "application/x-ndjson", "application/x-jsonlines", "application/jsonlines")
JSON = "application/json"


class Edits(BaseModel):
    """A batch in one JSON object."""

    model_config = ConfigDict(extra="forbid")

    edits: list[dict[str, JsonValue]] = Field(
        min_length=1,
        description="Each an edit; with `column` and `keep_columns` also with other names.",
        json_schema_extra={"items": {"anyOf": [{"$ref": "#/components/schemas/Edit"}, {"type": "object"}]}},
    )
    defaults: dict[str, JsonValue] = Field(default_factory=dict, description="Fields for edits that do not set them.")


class Accepted(BaseModel):
    """A batch, and what of the request is new in it."""

    batch: str
    accepted: int = Field(description="Edits that are new.")
    already: int = Field(description="Edits that were there.")
    on_disk: bool = Field(description="Redis has confirmed that all of it is on its disk.")
    estimate: EstimateRecord
    notes: list[str] = Field(description="What was not certain, and what is probably not meant; for people.")


IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="A name of yours for this request: the same again is answered alike for a day.",
    ),
]
Notify = Annotated[
    str | None,
    Header(
        alias="Retouch-Notify",
        description="An https URL that is told when the batch ends or pauses. No part of the query, which proxies log.",
    ),
]


class Sent(NamedTuple):
    """A request that enqueues; its body has not been read."""

    request: Request
    key: AccessKey
    asked: Asked
    notify: str | None
    idempotency_key: str | None


async def _sent(
    request: Request,
    key: Annotated[AccessKey, needs(Scope.SUBMIT)],
    asked: Annotated[Asked, Query()],
    notify: Notify = None,
    idempotency_key: IdempotencyKey = None,
) -> Sent:
    return Sent(request, key, asked, notify, idempotency_key)


EXAMPLE = '{"custom_id": "cat-1", "prompt": "a watercolour cat", "init_image": "https://example.com/cat.png"}\n'
REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/jsonl": {"schema": {"type": "string", "description": "An edit a line."}, "example": EXAMPLE},
        "text/csv": {
            "schema": {"type": "string", "description": "An edit a row."},
            "example": "custom_id,prompt,init_image\ncat-1,a watercolour cat,https://example.com/cat.png\n",
        },
        JSON: {"schema": {"$ref": "#/components/schemas/Edits"}},
    },
}


def add_submit(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""
    problems = described(
        *(Kind.BAD_REQUEST, Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.TOO_SLOW, Kind.CANCELLED, Kind.AT_WORK),
        *(Kind.TOO_LARGE, Kind.WRONG_TYPE, Kind.INVALID, Kind.REJECTED, Kind.KEY_REUSED, Kind.TOO_MANY, Kind.BUG),
        Kind.AWAY,
    )
    threads = CapacityLimiter(AT_ONCE)
    told: dict[int | str, dict[str, Any]] = {
        200: {"model": Accepted, "description": "All of it was there already"},
        201: {"model": Accepted, "description": "Accepted: all of it"},
        **problems,
    }
    more: dict[str, Any] = {"tags": ["batches"], "responses": told, "openapi_extra": {"requestBody": REQUEST_BODY}}

    @app.post("/v1/batches", status_code=201, summary="Enqueue edits; the batch's id is made of them", **more)
    async def submit(sent: Annotated[Sent, Depends(_sent)]) -> Response:
        return await _submit(gateway, threads, sent, "")

    @app.post("/v1/batches/{batch}", status_code=201, summary="Enqueue edits into this batch", **more)
    async def submit_to(batch: BatchId, sent: Annotated[Sent, Depends(_sent)]) -> Response:
        may_name(sent.key, batch)
        return await _submit(gateway, threads, sent, batch)


async def _submit(gateway: Gateway, threads: CapacityLimiter, sent: Sent, batch: str) -> Response:
    kind, key = _kind(sent.request), sent.key
    _check_weight(key, sent.asked.weight)
    if sent.notify is not None:
        gateway.desk.check_notify(sent.notify)
    order = _ordering(sent, kind, batch)
    most = min(gateway.settings.max_body_bytes, key.max_body or gateway.settings.max_body_bytes)
    async with kept_body(sent.request, min(most, MAX_JSON) if kind == JSON else most) as body:

        async def take() -> Taken:
            taken = await run_sync(lambda: gateway.desk.take(key, order(body), confirm=False), limiter=threads)
            return replace(taken, receipt=await _confirmed(gateway, taken.receipt))

        if sent.idempotency_key is None:
            return _answer(await take())
        fingerprint = _fingerprint(sent, kind, body)
        async with once(gateway.requests, f"{key.owner}/{sent.idempotency_key}", fingerprint) as run:
            if run.earlier:
                return _response(json.loads(run.earlier), 200)
            taken = await take()
            run.answer = json.dumps(accepted(taken))
            return _answer(taken)


async def _confirmed(gateway: Gateway, receipt: Receipt) -> Receipt:
    """The receipt, once it is known whether all is on disk: waited for without a thread, of which there are few."""
    try:
        return replace(receipt, on_disk=await gateway.disk.confirmed())
    except LedgerError as error:
        raise ServiceError(
            f"Redis failed before it confirmed that batch {receipt.batch} is on its disk ({error}):"
            " enqueue the same again, which adds what is missing"
        ) from error


def _check_weight(key: AccessKey, weight: float) -> None:
    """Raise ProblemError where a producer would take the turns of others: who gets more is an operator's decision."""
    if weight > 1 and Scope.OPERATE not in key.scopes:
        detail = f"a weight above 1 needs the scope operate, and key {key.name} has {key.said_scopes}"
        raise ProblemError(Kind.NOT_ALLOWED, detail)


def _kind(request: Request) -> str:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in (*LINES, *TABLES, JSON):
        known = ", ".join((LINES[0], TABLES[0], JSON))
        shown = f"{given[:80]!r} is no Content-Type" if given else "Content-Type is missing: it is one"
        raise ProblemError(Kind.WRONG_TYPE, f"{shown} of edits: {known}")
    return given


def _ordering(sent: Sent, kind: str, batch: str) -> Callable[[Body], Order]:
    """How a body becomes an order; what the query says is read at once."""
    columns, defaults, terms = sent.asked.columns(), sent.asked.defaults(), sent.asked.terms(sent.notify)

    def order(body: Body) -> Order:
        if kind != JSON:
            return Order(declared(body.file, NAME, columns, table=kind in TABLES), batch, defaults, terms)
        found = _read_json(body.file.read())
        both = sorted(defaults.keys() & found.defaults.keys())
        if both:
            raise InputError(f"{both[0]} is in defaults and in the query (set): give it once")
        edits = JsonList(cast(list[Any], found.edits), "edits", columns)
        return Order(edits, batch, {**found.defaults, **defaults}, terms, noun="edit")

    return order


def json_object(raw: bytes) -> dict[str, Any]:
    """The object that a body is; raises ProblemError."""
    try:
        return json_text.parse(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ProblemError(Kind.BAD_REQUEST, "the body is not UTF-8") from None
    except ValueError as error:
        raise ProblemError(Kind.BAD_REQUEST, f"the body {error}") from None


def _read_json(raw: bytes) -> Edits:
    """The object in a body; its edits are checked with all others. Raises ProblemError."""
    fields = json_object(raw)
    if unknown := sorted(fields.keys() - Edits.model_fields.keys()):
        advice = "an edit goes into the list edits, or, one a line, into a body of application/jsonl"
        hint = f"; {advice}" if unknown[0] in Edit.model_fields else ""
        raise ProblemError(Kind.INVALID, f"the body has {unknown[0][:80]!r}; it may have edits and defaults{hint}")
    edits, defaults = fields.get("edits"), fields.get("defaults", {})
    if not isinstance(edits, list) or not edits:
        raise ProblemError(Kind.INVALID, "the body needs edits: a list with at least one edit")
    if not isinstance(defaults, dict):
        raise ProblemError(Kind.INVALID, "defaults must be an object of fields")
    return Edits.model_construct(edits=edits, defaults=defaults)


def _fingerprint(sent: Sent, kind: str, body: Body) -> str:
    url = sent.request.url
    asked = json.dumps([url.path, url.query, sent.notify, kind, body.sha256])
    return hashlib.sha256(asked.encode()).hexdigest()


def accepted(taken: Taken) -> dict[str, Any]:
    """What whoever has enqueued is told."""
    receipt = taken.receipt
    return {
        "batch": receipt.batch,
        "accepted": receipt.accepted,
        "already": receipt.already,
        "on_disk": receipt.on_disk,
        "estimate": taken.estimate,
        "notes": taken.notes,
    }


def _answer(taken: Taken) -> Response:
    return _response(accepted(taken), 201 if taken.receipt.accepted else 200)


def _response(told: dict[str, Any], status: int) -> Response:
    return JSONResponse(told, status, {"Location": f"/v1/batches/{told['batch']}"})
