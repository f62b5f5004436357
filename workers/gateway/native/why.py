"""Why a batch does not move, and why an edit stands where it stands: what ``retouch watch`` and ``explain`` say."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import FastAPI
from typing_extensions import TypedDict

from retouch.advice.batch import reasons_of
from retouch.advice.edit import ending, why
from retouch.edit_result import Result
from workers.gateway.context import Gateway
from workers.gateway.native.batches import BatchId, Reader, found
from workers.gateway.native.edits import ANSWERS, CustomId, found_edit
from workers.gateway.native.installation import told_pauses
from workers.gateway.veil import told_provider


class ReasonTold(TypedDict):
    """What holds a batch up; ``name`` stays the same while that lasts, ``text`` says what to do."""

    name: str
    text: str


class BatchWhy(TypedDict):
    """Why a batch does not move; none: nothing is known that holds it up."""

    batch: str
    reasons: list[ReasonTold]


class EditWhy(TypedDict):
    """Why an edit stands where it ``stands``, such as ``failed (refused)``."""

    batch: str
    custom_id: str
    stands: str
    why: str


def add_why(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""
    queue = gateway.queue

    @app.get(
        "/v1/batches/{batch}/why",
        tags=["batches"],
        summary="Why a batch does not move, and what to do",
        responses=ANSWERS,
    )
    def batch_why(batch: BatchId, key: Reader) -> BatchWhy:
        view = found(gateway, key, batch)
        provider = told_provider(key, queue.provider())
        reasons = reasons_of(view, queue.workers(), told_pauses(queue, key), provider)
        return {"batch": batch, "reasons": [{"name": one.name, "text": one.begins} for one in reasons]}

    @app.get(
        "/v1/edits/{batch}/{custom_id}/why",
        tags=["edits"],
        summary="Why one edit stands where it stands, and what happens next",
        responses=ANSWERS,
    )
    def edit_why(batch: BatchId, custom_id: CustomId, key: Reader) -> EditWhy:
        view = found_edit(gateway, key, batch, custom_id)
        said = why(
            view, told_pauses(queue, key), queue.workers(), told_provider(key, queue.provider()), datetime.now(UTC)
        )
        stands = ending(view.state, Result(view.result or {}))
        return {"batch": batch, "custom_id": custom_id, "stands": stands, "why": said}
