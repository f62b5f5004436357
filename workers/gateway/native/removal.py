"""``DELETE /v1/batches/{batch}``: a batch that has ended goes from Redis, and if asked for its objects go from S3."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query
from typing_extensions import TypedDict

from retouch.errors import InputError
from workers.gateway.context import Gateway
from workers.gateway.native.batches import BatchId, Operator, nothing
from workers.gateway.problems import Kind, described


class Removed(TypedDict):
    """How many edits are gone from Redis, and how many objects from S3."""

    edits: int
    objects: int


def add_removal(app: FastAPI, gateway: Gateway) -> None:
    """Add the route."""
    queue = gateway.queue

    @app.delete(
        "/v1/batches/{batch}",
        tags=["decisions"],
        summary="Remove a batch that has ended; its name is free afterwards",
        responses=described(
            *(Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.NOT_FOUND, Kind.INVALID, Kind.TOO_MANY, Kind.BUG, Kind.AWAY)
        ),
    )
    async def remove(
        batch: BatchId,
        key: Operator,
        images: Annotated[
            bool, Query(description="Its images and its files in S3 as well, also of a batch that has left Redis.")
        ] = False,
    ) -> Removed:
        if not key.may_name(batch):
            raise nothing(batch)
        return await gateway.s3_threads.run(take_away, batch, images)

    def take_away(batch: str, images: bool) -> Removed:
        known = queue.find(batch)
        try:
            edits, objects = queue.remove(batch, images=images)
        except InputError:
            if known:
                raise
            raise nothing(batch) from None
        return {"edits": edits, "objects": objects}
