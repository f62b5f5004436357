"""``GET /v1/batches/{batch}/pictures.zip``: the pictures that people have picked, as a file that a browser saves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Annotated, Literal

from fastapi import FastAPI, Query
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from retouch import blocking
from retouch.access_keys import AccessKey
from retouch.edit_result import Result
from retouch.errors import LostObjectError
from retouch.ledger import Pick
from retouch.ledger.picks import MARKS
from retouch.media.downloads import Buckets, read
from retouch.media.stores import kept_store
from retouch.output import Output
from workers.gateway.archive import ArchiveResponse, Archives, Saved, zipped
from workers.gateway.context import Gateway
from workers.gateway.gate import WHOLE
from workers.gateway.native.batches import ONE, BatchId, Reader, found
from workers.gateway.problems import Kind, ProblemError, described
from workers.gateway.saved_names import SavedNames

MOST = 10_000  # edits: the list of what an archive holds is kept until its end
ROWS = 100  # whose results are read at once


def add_pictures(app: FastAPI, gateway: Gateway) -> None:
    """Add the route."""
    archives = Archives()

    @app.get(
        "/v1/batches/{batch}/pictures.zip",
        tags=["batches"],
        summary="The pictures that were picked, or rejected, in one file",
        responses={
            200: {
                "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
                "description": "A zip file of the images as they are, named by the edits. `MISSING.txt` in it names"
                " those that are gone.",
            },
            **described(*ONE, Kind.OLD_HTTP),
        },
        dependencies=[WHOLE],
        response_model=None,
    )
    async def pictures(
        batch: BatchId,
        key: Reader,
        pick: Annotated[Literal["picked", "rejected"], Query(alias="is", description="What was said.")] = "picked",
    ) -> Response:
        places = await run_in_threadpool(chosen, key, batch, pick)
        pieces = zipped(saved(batch, places), gateway.s3_threads)
        return ArchiveResponse(pieces, archives, key.owner, f"{batch}-{pick}.zip")

    def chosen(key: AccessKey, batch: str, pick: str) -> Sequence[int]:
        found(gateway, key, batch)
        mark = ord(MARKS[Pick(pick)])
        places = [place for place, byte in enumerate(gateway.queue.pick_strip(batch)) if byte == mark]
        if not places:
            raise ProblemError(Kind.NOT_FOUND, f"no picture of batch {batch!r} is {pick}")
        if len(places) > MOST:
            detail = f"{len(places):,} are {pick}, and one file holds {MOST:,}: use retouch download {batch} --picked"
            raise ProblemError(Kind.INVALID, detail)
        return places

    def saved(batch: str, places: Sequence[int]) -> Iterator[Saved]:
        names, images = SavedNames(), Buckets(kept_store)
        for first in range(0, len(places), ROWS):
            for row in gateway.queue.edits_at(batch, places[first : first + ROWS], results=True):
                result = Result(dict(row.result or {}))
                if not result.outputs:
                    yield Saved(row.custom_id, None, _nothing)
                for number, output in enumerate(result.outputs):
                    name = names.take(row.custom_id, number, PurePosixPath(output.uri).suffix[1:])
                    yield Saved(name, result.completed_at, partial(_read, images, output))


def _nothing() -> bytearray:
    raise LostObjectError("it has no picture now")


def _read(images: Buckets, output: Output) -> bytearray:
    return blocking.run(read(images, output))
