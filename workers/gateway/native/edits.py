"""``GET /v1/edits/{batch}/{custom_id}``: where one edit stands, and what came of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Path

from retouch.edit import CUSTOM_ID_PATTERN
from retouch.records import EditRecord
from workers.gateway.context import Gateway
from workers.gateway.native.batches import BatchId, Reader, found
from workers.gateway.problems import Kind, ProblemError, described


def add_edits(app: FastAPI, gateway: Gateway) -> None:
    """Add the route."""

    @app.get(
        "/v1/edits/{batch}/{custom_id}",
        tags=["edits"],
        summary="Where one edit stands",
        responses=described(
            *(Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.NOT_FOUND, Kind.INVALID, Kind.TOO_MANY, Kind.BUG, Kind.AWAY)
        ),
    )
    def edit(
        batch: BatchId,
        custom_id: Annotated[str, Path(pattern=rf"^{CUSTOM_ID_PATTERN.pattern}$", description="The edit's own name.")],
        key: Reader,
    ) -> EditRecord:
        found(gateway, key, batch)
        view = gateway.queue.find_edit(batch, custom_id)
        if view is None:
            raise ProblemError(Kind.NOT_FOUND, f"there is no edit {custom_id!r} in batch {batch!r}")
        return view.to_json()
