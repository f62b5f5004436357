"""``/v1/sinks``: where events are delivered, and how that goes. For operators of the whole installation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, islice
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime
from starlette.responses import Response
from typing_extensions import TypedDict

from retouch.edit import BATCH_PATTERN
from retouch.errors import InputError
from retouch.event_log import UndeliveredEvent
from retouch.records.installation import SinksRecord
from workers.gateway.context import Gateway
from workers.gateway.gate import WHOLE
from workers.gateway.native.batches import AT_ONCE, Changed, of_all
from workers.gateway.problems import Kind, ProblemError, described

_ANY = (Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.INVALID, Kind.TOO_MANY, Kind.BUG, Kind.AWAY)
_ONE = (*_ANY, Kind.NOT_FOUND)

SinkName = Annotated[
    str,
    Path(
        pattern=rf"^(notify:)?{BATCH_PATTERN.pattern}$", description="The sink's name; of a batch's own `notify:BATCH`."
    ),
]


class Events(TypedDict):
    """How many events are to be delivered again."""

    events: int


FOR_ALL = of_all("sinks hear of all batches")


def add_sinks(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""
    _add_reads(app, gateway)
    _add_changes(app, gateway)


def _known(gateway: Gateway, sink: str) -> str:
    try:
        return gateway.queue.sink(sink).name
    except InputError as error:
        raise ProblemError(Kind.NOT_FOUND, str(error)) from None


def _add_reads(app: FastAPI, gateway: Gateway) -> None:
    @app.get(
        "/v1/sinks",
        tags=["sinks"],
        summary="Where events are delivered, and how that goes",
        responses={200: {"model": SinksRecord}, **described(*_ANY)},
        dependencies=[FOR_ALL],
    )
    def sinks(
        of: Annotated[
            Literal["workers", "batches"], Query(description="Those of the workers, or those that batches have.")
        ] = "workers",
        batch: Annotated[
            str | None, Query(pattern=rf"^{BATCH_PATTERN.pattern}$", description="With `batches`: of this one.")
        ] = None,
    ) -> SinksRecord:
        found = gateway.queue.sinks() if of == "workers" else gateway.queue.batch_sinks(batch)
        return {"sinks": [sink.to_json() for sink in found]}

    @app.get(
        "/v1/sinks/{sink}/undelivered",
        tags=["sinks"],
        summary="The events that it has not taken, one a line, each with the reason",
        responses={
            200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}, "description": "An event a line"},
            **described(*_ONE, Kind.OLD_HTTP),
        },
        dependencies=[FOR_ALL, WHOLE],
        response_model=None,
    )
    async def undelivered(sink: SinkName) -> Response:
        def begun() -> tuple[str, Iterator[str]]:
            pieces = _pieces(gateway.queue.undelivered(_known(gateway, sink)))
            return next(pieces, ""), pieces

        first, pieces = await gateway.s3_threads.run(begun)
        told = gateway.s3_threads.each(chain([first], pieces))
        return StreamingResponse(told, 200, media_type="application/jsonl")


def _pieces(events: Iterator[UndeliveredEvent]) -> Iterator[str]:
    while page := list(islice(events, AT_ONCE)):
        yield "".join(json.dumps(event) + "\n" for event in page)


def _add_changes(app: FastAPI, gateway: Gateway) -> None:
    more: dict[str, Any] = {"tags": ["sinks"], "responses": described(*_ONE), "dependencies": [FOR_ALL]}

    @app.post("/v1/sinks/{sink}/redeliver", summary="Deliver what it has not taken again, now", **more)
    def redeliver(sink: SinkName) -> Events:
        return {"events": gateway.queue.redeliver(_known(gateway, sink))}

    @app.post("/v1/sinks/{sink}/replay", summary="Deliver events again, also those that it has taken", **more)
    def replay(
        sink: SinkName,
        since: Annotated[AwareDatetime, Query(description="Those since then; 7 days are kept.")],
    ) -> Events:
        return {"events": gateway.queue.replay(_known(gateway, sink), since)}

    @app.delete("/v1/sinks/{sink}", summary="Remove it, with what waits for it, if no live worker has it", **more)
    def drop(sink: SinkName) -> Changed:
        gateway.queue.drop_sink(_known(gateway, sink))
        return {"changed": True}
