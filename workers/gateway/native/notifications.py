"""``POST /v1/notifications``: a store tells of new objects, which make edits as the gateway's recipes say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Annotated, Any

import structlog
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import FastAPI, Request
from pydantic import BaseModel, Field

from retouch.access_keys import AccessKey, Scope
from retouch.bucket_names import is_within
from retouch.errors import RetouchError
from retouch.media.stores import kept_store
from retouch.triggers.notifications import MAX_BYTES, parse
from retouch.triggers.recipe import Made
from retouch.triggers.taking import Taken, Taker, Taking, Told
from workers.gateway.body import small_body
from workers.gateway.context import Gateway
from workers.gateway.gate import NOTIFICATIONS, needs
from workers.gateway.problems import Kind, ProblemError, described
from workers.listener.log import log_taking

AT_ONCE = 4  # notifications that are worked on at a time: each takes a thread, which others need for short questions
REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "object", "description": "As S3, MinIO, Ceph, EventBridge or SeaweedFS send it."},
            "example": {
                "Records": [
                    {
                        "eventName": "ObjectCreated:Put",
                        "s3": {"bucket": {"name": "photos"}, "object": {"key": "in/cat.png", "size": 9, "eTag": "1f"}},
                    }
                ]
            },
        }
    },
}

log = structlog.get_logger()


class MadeEdit(BaseModel):
    """An edit that a new object makes. The same notification again adds nothing."""

    batch: str
    custom_id: str
    init_image: str


class LeftOut(BaseModel):
    """A new object that makes no edit."""

    uri: str
    reason: str


class Noted(BaseModel):
    """What became of a notification."""

    edits: list[MadeEdit] = Field(description="Edits that are in their batches now, or were there.")
    left_out: list[LeftOut] = Field(description="Objects that make no edit, as the recipes say.")
    refused: list[str] = Field(description="Why further objects make none although they should. It is logged, too.")


def add_notifications(app: FastAPI, gateway: Gateway) -> None:
    """Add the route."""
    threads = CapacityLimiter(AT_ONCE)

    @app.post(
        NOTIFICATIONS,
        tags=["notifications"],
        summary="A store tells of new objects, which make edits by the gateway's recipes",
        responses=described(
            *(Kind.BAD_REQUEST, Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.NOT_FOUND, Kind.TOO_SLOW, Kind.TOO_LARGE),
            *(Kind.WRONG_TYPE, Kind.INVALID, Kind.TOO_MANY, Kind.BUG, Kind.AWAY),
        ),
        openapi_extra={"requestBody": REQUEST_BODY},
    )
    async def notify(request: Request, key: Annotated[AccessKey, needs(Scope.SUBMIT)]) -> Noted:
        if not gateway.recipes:
            detail = "this gateway has no recipe, so new objects make nothing: start it with --recipe FILE"
            raise ProblemError(Kind.NOT_FOUND, f"{detail} (docs/triggers.md)")
        told = Told(await small_body(request, min(MAX_BYTES, key.max_body or MAX_BYTES)), datetime.now(UTC))
        return await run_sync(_take, gateway, key, told, limiter=threads)


def _take(gateway: Gateway, key: AccessKey, told: Told) -> Noted:
    """Raises InputError for what is no notification, and ServiceError where the same is to be sent again."""
    parse(told.body)
    taking = _taking(Taker(gateway.queue, gateway.recipes, kept_store, _check_of(key)), told)
    if gateway.confirms():
        taking.check_disk()
    log_taking(taking)
    [taken] = taking.messages
    if taken.for_a_person:
        raise ProblemError(Kind.AWAY, taken.trouble)  # once a person has given the right, the same is taken
    for reason in taken.troubles:
        log.error("object.refused", reason=reason, key=key.name)
    return _noted(taken)


def _taking(taker: Taker, told: Told) -> Taking:
    """What is taken; what meets a bug is not, and is not to come again and again."""
    try:
        return taker.take([told])
    except (ProblemError, RetouchError):
        raise
    except Exception as error:
        log.exception("notification.crashed")
        return Taking([Taken(troubles=[f"a bug in Retouch: {type(error).__name__}"])], [])


def _check_of(key: AccessKey) -> Callable[[Made], None]:
    """Refuse what the key may not do: then nothing of the notification is taken."""
    numbers = count(1)

    def check(made: Made) -> None:
        if not is_within(made.uri, key.inputs):
            places = ", ".join(key.inputs) or "none"
            detail = f"{made.uri} is in none of the places that key {key.name} may name ({places})"
            raise ProblemError(Kind.NOT_ALLOWED, f"{detail}: retouch keys create --inputs")
        if not key.may_name(made.batch):
            detail = f"batches of key {key.name} begin with {key.prefix}, and {made.batch}, of {made.uri}, does not"
            raise ProblemError(Kind.NOT_ALLOWED, detail)
        if next(numbers) > key.max_lines:
            detail = f"key {key.name} may send {key.max_lines:,} edits in a request, and there are more"
            raise ProblemError(Kind.TOO_LARGE, detail)

    return check


def _noted(taken: Taken) -> Noted:
    return Noted(
        edits=[
            MadeEdit(batch=made.batch, custom_id=made.fields["custom_id"], init_image=made.uri) for made in taken.edits
        ],
        left_out=[LeftOut(uri=_whole(uri), reason=_whole(reason)) for uri, reason in taken.left_out],
        refused=[_whole(reason) for reason in taken.troubles],
    )


def _whole(text: str) -> str:
    """A text that can be sent: a key may have halves of characters in it."""
    return text.encode(errors="replace").decode()
