"""Edits by their names: in a batch by a part of it, in all batches by all of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query

from retouch.edit import BATCH_PATTERN, CUSTOM_ID_PATTERN
from retouch.records.edits import FoundEditsRecord, NamedEditsRecord
from workers.gateway.context import Gateway
from workers.gateway.native.batches import ONE, BatchId, Reader, found
from workers.gateway.native.strips import FURTHEST, ROWS
from workers.gateway.problems import described

_NAME = rf"^({BATCH_PATTERN.pattern}/)?{CUSTOM_ID_PATTERN.pattern}$"


def add_search(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""

    @app.get(
        "/v1/batches/{batch}/search",
        tags=["batches"],
        summary="The edits of a batch that have a text in their custom_id",
        responses=described(*ONE),
    )
    def search(
        batch: BatchId,
        key: Reader,
        text: Annotated[str, Query(min_length=1, max_length=64, description="In whatever case.")],
        first: Annotated[
            int, Query(alias="from", ge=0, le=FURTHEST, description="The first place that is looked at: `next`.")
        ] = 0,
        count: Annotated[int, Query(ge=1, le=ROWS, description="At most so many.")] = 50,
    ) -> FoundEditsRecord:
        found(gateway, key, batch)
        edits, following = gateway.queue.search(batch, text, first=first, most=count)
        return {"batch": batch, "edits": [row.to_json() for row in edits], "next": following}

    @app.get(
        "/v1/edits",
        tags=["edits"],
        summary="The edits of a name in the newest 200 batches",
        responses=described(*ONE),
    )
    def named(
        key: Reader,
        name: Annotated[
            str, Query(pattern=_NAME, max_length=200, description="A custom_id; or `batch/custom_id`: that one.")
        ],
    ) -> NamedEditsRecord:
        return {"edits": [one.to_json() for one in gateway.queue.named(name, prefix=key.prefix)]}
