"""``GET /v1/edits/{batch}/{custom_id}``: where one edit stands, what came of it, and what was done about it."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Path

from retouch.access_keys import AccessKey
from retouch.edit import CUSTOM_ID_PATTERN
from retouch.ledger import EditView
from retouch.ledger.history import history_record
from retouch.records.edits import AlikeRecord, EditRecord, HistoryRecord
from workers.gateway.context import Gateway
from workers.gateway.native.batches import BatchId, Reader, found
from workers.gateway.problems import Kind, ProblemError, described
from workers.gateway.threads import Threads
from workers.gateway.veil import told_edit

CustomId = Annotated[str, Path(pattern=rf"^{CUSTOM_ID_PATTERN.pattern}$", description="The edit's own name.")]
ANSWERS = described(*(Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.NOT_FOUND, Kind.INVALID, Kind.TOO_MANY, Kind.BUG, Kind.AWAY))
ALIKE_AT_ONCE = 2  # that read all edits of a batch


def add_edits(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""
    _add_alike(app, gateway)

    @app.get("/v1/edits/{batch}/{custom_id}", tags=["edits"], summary="Where one edit stands", responses=ANSWERS)
    def edit(batch: BatchId, custom_id: CustomId, key: Reader) -> EditRecord:
        return found_edit(gateway, key, batch, custom_id).to_json()

    @app.get(
        "/v1/edits/{batch}/{custom_id}/history",
        tags=["edits"],
        summary="What was done about one edit, and when",
        responses=ANSWERS,
    )
    def history(batch: BatchId, custom_id: CustomId, key: Reader) -> HistoryRecord:
        found(gateway, key, batch)
        steps = gateway.queue.find_history(batch, custom_id)
        if steps is None:
            raise _absent(batch, custom_id)
        return history_record(batch, custom_id, steps)


def _add_alike(app: FastAPI, gateway: Gateway) -> None:
    threads = Threads(ALIKE_AT_ONCE)

    def read(key: AccessKey, batch: str, custom_id: str) -> list[int]:
        found_edit(gateway, key, batch, custom_id)
        return list(gateway.queue.alike(batch, custom_id))

    @app.get(
        "/v1/edits/{batch}/{custom_id}/alike",
        tags=["edits"],
        summary="Which edits of its batch are made of the same picture",
        responses=ANSWERS,
    )
    async def alike(batch: BatchId, custom_id: CustomId, key: Reader) -> AlikeRecord:
        return {"batch": batch, "places": await threads.run(read, key, batch, custom_id)}


def found_edit(gateway: Gateway, key: AccessKey, batch: str, custom_id: str) -> EditView:
    """The edit; raises ProblemError if it is not there, or its batch is not the key's."""
    found(gateway, key, batch)
    view = gateway.queue.find_edit(batch, custom_id)
    if view is None:
        raise _absent(batch, custom_id)
    return told_edit(key, view)


def _absent(batch: str, custom_id: str) -> ProblemError:
    return ProblemError(Kind.NOT_FOUND, f"there is no edit {custom_id!r} in batch {batch!r}")
