"""Events as they come, as server-sent events: of one batch, or of all that a key may know of."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, get_args
from typing import get_type_hints as _hints

from fastapi import FastAPI, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.responses import Response

from retouch.access_keys import AccessKey
from retouch.errors import InputError, ServiceError
from retouch.event_log import OLDEST, CloudEvent, place_of
from retouch.records.events import BatchEvent, EditEvent, PauseEvent
from workers.gateway.context import Gateway
from workers.gateway.feed import Wanted
from workers.gateway.gate import opens_still
from workers.gateway.native.batches import BatchId, Reader, found
from workers.gateway.problems import Kind, described

SILENT_S = 15.0  # then a comment says that the connection lives
RETRY_MS = 2000  # after which a browser connects again
TYPES = frozenset(kind for event in (EditEvent, BatchEvent, PauseEvent) for kind in get_args(_hints(event)["type"]))
_OURS = "retouch."
_PROBLEMS = (Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.NOT_FOUND, Kind.INVALID, Kind.TOO_MANY, Kind.BUG, Kind.AWAY)

EVENT = {  # of each event: so has OpenAPI 3.1 the schema of such a stream
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "For `Last-Event-ID`."},
        "event": {"enum": sorted(TYPES)},
        "data": {"type": "string", "contentMediaType": "application/json", "description": "A CloudEvent, as in JSON."},
    },
}

LastEventId = Annotated[str, Header(description="As `after`; browsers send it when they connect again.")]


class Asked(BaseModel):
    """The query: which events, and from where."""

    types: str = Field(
        "", description="Only these, as `batch.completed,edit.failed`; `retouch.` may stand before each."
    )
    after: str = Field(
        "",
        description="Begin after the event with this id; `0-0`: with the oldest, as without `follow`. Default: now.",
    )
    follow: bool = Field(True, description="Wait for more; `false`: end with the newest that there is.")


def add_events(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""
    told: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/event-stream": {"schema": EVENT}}, "description": "Events, until you go"},
        **described(*_PROBLEMS),
    }
    more: dict[str, Any] = {"tags": ["events"], "responses": told, "response_model": None}

    @app.get("/v1/events", summary="The events of all batches, as they come", **more)
    async def events(
        request: Request,
        key: Reader,
        asked: Annotated[Asked, Query()],
        last_event_id: LastEventId = "",
    ) -> Response:
        wanted = _wanted(_types(asked.types), partial(_may_hear, key))
        opens = opens_still(request)
        return await _stream(gateway, wanted, last_event_id or asked.after, opens, follow=asked.follow)

    @app.get("/v1/batches/{batch}/events", summary="The events of a batch and of its edits, as they come", **more)
    async def events_of(
        request: Request,
        batch: BatchId,
        key: Reader,
        asked: Annotated[Asked, Query()],
        last_event_id: LastEventId = "",
    ) -> Response:
        wanted = _wanted(_types(asked.types), lambda subject: subject.partition("/")[0] == batch)
        await run_in_threadpool(found, gateway, key, batch)
        opens = opens_still(request)
        return await _stream(gateway, wanted, last_event_id or asked.after, opens, follow=asked.follow)


def _may_hear(key: AccessKey, subject: str) -> bool:
    """Whether a key may hear of this; what is not of a batch (`submit:refused`) is for those who may know of all."""
    return not key.prefix or (key.may_name(subject) and ":" not in subject)


def _wanted(types: frozenset[str], of: Any) -> Wanted:
    return lambda event: event["type"] in types and bool(of(event["subject"]))


def _types(text: str) -> frozenset[str]:
    names = {name if name.startswith(_OURS) else _OURS + name for name in filter(None, map(str.strip, text.split(",")))}
    if unknown := sorted(names - TYPES):
        raise InputError(f"types: there is no {unknown[0][:80]!r}; there are {', '.join(sorted(TYPES))}")
    return frozenset(names) or TYPES


async def _stream(gateway: Gateway, wanted: Wanted, after: str, opens: Callable[[], bool], *, follow: bool) -> Response:
    place = place_of(after) if after else ""
    if follow:
        await gateway.feed.start()
        told = gateway.feed.events(place, wanted, SILENT_S)
    else:
        await run_in_threadpool(gateway.queue.check)  # an outage has a status of its own before the answer begins
        told = gateway.feed.earlier(place or OLDEST, wanted)
    headers = {"X-Accel-Buffering": "no"}  # nginx would keep events back
    return StreamingResponse(_lines(told, opens), 200, headers, "text/event-stream")


async def _lines(told: AsyncIterator[list[CloudEvent]], opens: Callable[[], bool]) -> AsyncIterator[str]:
    """The stream; it ends soon after the key was revoked, since there is no next request that could be refused."""
    yield f"retry: {RETRY_MS}\n\n"
    asked_at = time.monotonic()
    async for events in told:
        if time.monotonic() - asked_at >= SILENT_S:
            with suppress(ServiceError):  # while Redis is away, nobody can revoke it either
                if not await run_in_threadpool(opens):
                    return
            asked_at = time.monotonic()
        yield "".join(map(_told, events)) or ": alive\n\n"


def _told(event: CloudEvent) -> str:
    return f"id: {place_of(event['id'])}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n"
