"""What people choose among a batch's results: which they pick, and which they reject."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from retouch.edit import CUSTOM_ID_PATTERN
from retouch.ledger import Pick
from retouch.ledger.views import iso
from retouch.records.picks import ChosenRecord, PicksRecord
from workers.gateway.context import Gateway
from workers.gateway.native.batches import ONE, BatchId, Binder, Reader, found
from workers.gateway.problems import Kind, described

MOST = 500  # ids in a list of a request

CustomIds = Annotated[list[Annotated[str, Field(pattern=rf"^{CUSTOM_ID_PATTERN.pattern}$")]], Field(max_length=MOST)]


class ChoiceAsked(BaseModel):
    """What is said of results, by the custom_ids of their edits; the latest word counts."""

    model_config = ConfigDict(extra="forbid", strict=True)

    pick: CustomIds = []
    reject: CustomIds = []
    clear: CustomIds = Field([], description="Of these nothing is said any more.")


class Choice(ChosenRecord):
    """What became of a choice. ``at``: by Redis' clock; whoever begins to read after that sees it."""

    at: str


def add_picks(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""

    @app.post(
        "/v1/batches/{batch}/picks",
        tags=["decisions"],
        summary="Pick results, or reject them",
        responses=described(*ONE, Kind.BAD_REQUEST, Kind.TOO_SLOW, Kind.TOO_LARGE, Kind.WRONG_TYPE),
    )
    def choose(batch: BatchId, key: Binder, asked: ChoiceAsked) -> Choice:
        found(gateway, key, batch)
        chosen = gateway.queue.choose(batch, pick=asked.pick, reject=asked.reject, clear=asked.clear)
        return {**chosen.to_json(), "at": str(iso(gateway.ledger.connection.now()))}

    @app.get(
        "/v1/batches/{batch}/picks",
        tags=["batches"],
        summary="The edits whose results were picked, or rejected",
        responses={
            200: {"model": PicksRecord, "content": {"text/plain": {"schema": {"type": "string"}}}},
            **described(*ONE),
        },
        response_model=None,
    )
    def picks(
        batch: BatchId,
        key: Reader,
        pick: Annotated[Literal["picked", "rejected"], Query(alias="is", description="What was said.")] = "picked",
        format_: Annotated[
            Literal["json", "text"], Query(alias="format", description="`text`: a custom_id a line, as a file.")
        ] = "json",
    ) -> Response:
        found(gateway, key, batch)
        ids = gateway.queue.picks(batch, pick)
        if format_ == "text":
            named = {"Content-Disposition": f'attachment; filename="{batch}-{pick}.txt"'}
            return Response("".join(f"{one}\n" for one in ids), 200, named, "text/plain")
        record: PicksRecord = {"batch": batch, "pick": Pick(pick).value, "custom_ids": ids}
        return JSONResponse(record)
