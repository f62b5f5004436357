"""A whole batch at a glance: the state of each of its edits, and why those failed that did."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from fastapi import FastAPI, Header, Query
from starlette.responses import Response

from retouch.advice.failures import before_retry
from retouch.errors import InputError
from retouch.ledger import EditRow
from retouch.records.batches import AdvisedGroupRecord, FailuresRecord
from retouch.records.edits import EditRowRecord, EditRowsRecord
from retouch.records.results import ResultRecord
from workers.gateway.context import Gateway
from workers.gateway.native.batches import ONE, BatchId, Reader, found, tagged
from workers.gateway.problems import described

STRIP = "application/octet-stream"
ROWS, FURTHEST = 500, 10**9  # rows in an answer; the highest place that may be asked for
LETTERS = "q queued, s submitting, w waiting, c copying, h held, C completed, f failed, x cancelled"


def add_strips(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""
    _add_strip(app, gateway)
    _add_failures(app, gateway)
    _add_rows(app, gateway)


def _add_strip(app: FastAPI, gateway: Gateway) -> None:
    @app.get(
        "/v1/batches/{batch}/strip",
        tags=["batches"],
        summary="One byte for each edit of a batch, in its order",
        responses={
            200: {
                "content": {STRIP: {"schema": {"type": "string", "format": "binary"}}},
                "description": f"States: {LETTERS}. Groups: the number of the group of each failed edit, 255 for those"
                " beyond the first 254, 0 for edits that are not failed. Picks: p picked, r rejected, 0 neither.",
                "headers": {"ETag": {"schema": {"type": "string"}}},
            },
            304: {"description": "It is as If-None-Match says"},
            **described(*ONE),
        },
        response_model=None,
    )
    def strip(
        batch: BatchId,
        key: Reader,
        of: Annotated[
            Literal["states", "groups", "picks"],
            Query(description="What the bytes are: letters of states, failure groups, or what people have picked."),
        ] = "states",
        if_none_match: Annotated[str, Header(description="The ETag of the answer that is known.")] = "",
    ) -> Response:
        found(gateway, key, batch)
        queue = gateway.queue
        read = {"states": queue.strip, "groups": queue.group_strip, "picks": queue.pick_strip}[of]
        return tagged(read(batch), if_none_match, STRIP)


def _add_failures(app: FastAPI, gateway: Gateway) -> None:
    @app.get(
        "/v1/batches/{batch}/failures",
        tags=["batches"],
        summary="Why edits of a batch failed: each reason with how many failed for it, the most frequent first",
        responses=described(*ONE),
    )
    def failures(batch: BatchId, key: Reader) -> FailuresRecord:
        found(gateway, key, batch)
        groups = gateway.queue.failures(batch)
        failed = sum(group.count for group in groups)
        told: list[AdvisedGroupRecord] = [
            {**group.to_json(), "advice": before_retry(batch, group.group, group.code)} for group in groups
        ]
        return {"batch": batch, "failed": failed, "groups": told}


def _add_rows(app: FastAPI, gateway: Gateway) -> None:
    @app.get(
        "/v1/batches/{batch}/edits",
        tags=["batches"],
        summary="Some edits of a batch, by their places in its order",
        responses=described(*ONE),
    )
    def edits(
        batch: BatchId,
        key: Reader,
        first: Annotated[
            int | None, Query(alias="from", ge=0, le=FURTHEST, description="The first place; by default 0.")
        ] = None,
        count: Annotated[
            int | None, Query(ge=1, le=ROWS, description="How many edits from there on; by default 200.")
        ] = None,
        at: Annotated[
            str,
            Query(
                pattern=r"^([0-9]{1,9}(,[0-9]{1,9})*)?$",
                description=f"Places in place of `from` and `count`, such as `5,17,200`; {ROWS} at most.",
            ),
        ] = "",
        results: Annotated[bool, Query(description="With what has come out of those that have ended.")] = False,
    ) -> EditRowsRecord:
        found(gateway, key, batch)
        rows = gateway.queue.edits_at(batch, _places(at, first, count), results=results)
        if results:
            return {"batch": batch, "edits": [_with_result(row) for row in rows]}
        return {"batch": batch, "edits": [row.to_json() for row in rows]}


def _with_result(row: EditRow) -> EditRowRecord:
    return {**row.to_json(), "result": cast("ResultRecord | None", row.result)}


def _places(at: str, first: int | None, count: int | None) -> list[int]:
    if not at:
        start = first or 0
        return list(range(start, start + (count or 200)))
    if first is not None or count is not None:
        raise InputError("at names the places, so that from and count say nothing: leave them out")
    places = [int(place) for place in at.split(",")]
    if len(places) > ROWS:
        raise InputError(f"at has {len(places):,} places, and {ROWS} can be asked for at once")
    return places
