"""``GET /v1/edits/{batch}/{custom_id}``: where one edit stands, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import FastAPI, Path
from pydantic import BaseModel, Field

from retouch.edit import CUSTOM_ID_PATTERN
from retouch.ledger import EditView
from retouch.records import State
from workers.gateway.context import Gateway
from workers.gateway.native.batches import BatchId, Reader, found
from workers.gateway.problems import Kind, ProblemError, described


class EditRecord(BaseModel):
    """One edit. ``result``: a line of the batch's results, once it has ended."""

    batch: str
    custom_id: str
    state: State
    parameters: dict[str, Any] = Field(description="What is sent to the API, without init_image.")
    submits: int = Field(description="How often it was sent.")
    possible_duplicate: bool = Field(description="It may be paid for twice.")
    provider_id: str | None = Field(description="The API's id of it.")
    note: str | None = Field(description="What happened last, for people.")
    polls: int
    submitted_at: datetime | None
    deadline: datetime | None
    next_step_at: datetime | None
    before_it: int | None = Field(description="How many edits have their turn before it.")
    result: dict[str, Any] | None


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
        return _record(view)


def _record(view: EditView) -> EditRecord:
    return EditRecord(
        batch=view.batch,
        custom_id=view.custom_id,
        state=view.state.value,
        parameters={name: value for name, value in view.parameters.items() if name != "init_image"},
        submits=view.submits,
        possible_duplicate=view.duplicate,
        provider_id=view.provider_id,
        note=view.note,
        polls=view.polls,
        submitted_at=view.submitted_at,
        deadline=view.deadline,
        next_step_at=view.due_at,
        before_it=view.before_it,
        result=view.result,
    )
