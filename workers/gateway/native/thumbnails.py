"""Small copies of what came of an edit, and of what it was made of, for people to look at."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Any

from fastapi import FastAPI, Header, Path, Query
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from retouch import image_address
from retouch.access_keys import AccessKey
from retouch.image_address import ImageKind
from retouch.ledger import Made
from workers.gateway.context import Gateway
from workers.gateway.native.batches import BatchId, Reader, found
from workers.gateway.native.edits import ANSWERS, CustomId
from workers.gateway.problems import Kind, ProblemError
from workers.gateway.thumbnails import Source, tag_of

JPEG = "image/jpeg"
FOREVER, ASK_AGAIN, A_WHILE = "private, max-age=31536000, immutable", "private, no-cache", "private, max-age=600"
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {JPEG: {"schema": {"type": "string", "format": "binary"}}},
        "headers": {"ETag": {"schema": {"type": "string"}}},
    },
    304: {"description": "It is as If-None-Match says"},
    **ANSWERS,
}


class Small(IntEnum):
    """Pixels of the longer side of a thumbnail."""

    OF_160 = 160
    OF_320 = 320


class Size(IntEnum):
    """The same; the last is to be compared with what came of it."""

    OF_160 = 160
    OF_320 = 320
    OF_1280 = 1280


Number = Annotated[int, Path(ge=0, le=999, description="Of the image, from 0: an edit may have several.")]
Known = Annotated[str, Header(alias="If-None-Match", description="The ETag of the answer that is known.")]


def add_thumbnails(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""
    _add_after(app, gateway)
    _add_before(app, gateway)


def _add_after(app: FastAPI, gateway: Gateway) -> None:
    @app.get(
        "/v1/edits/{batch}/{custom_id}/images/{number}/thumbnail",
        tags=["edits"],
        summary="A small copy of an image that came of an edit",
        responses=_ANSWERS,
        response_model=None,
    )
    async def after(
        batch: BatchId,
        custom_id: CustomId,
        number: Number,
        key: Reader,
        size: Annotated[Small, Query(description="Pixels of the longer side.")] = Small.OF_160,
        sha256: Annotated[
            str,
            Query(
                pattern="^([0-9a-f]{64})?$",
                description="The image that is meant, as the result has it: no other is shown, and caches keep it.",
            ),
        ] = "",
        known: Known = "",
    ) -> Response:
        outputs = ((await run_in_threadpool(_made, gateway, key, batch, custom_id)).result or {}).get("outputs") or []
        if number >= len(outputs):
            raise ProblemError(Kind.NOT_FOUND, f"edit {custom_id} of batch {batch} has no image {number} now")
        source = Source(outputs[number]["uri"], outputs[number]["sha256"])
        if sha256 not in ("", source.sha256):
            raise ProblemError(Kind.NOT_FOUND, f"edit {custom_id} of batch {batch} has another image {number} now")
        return await _answer(gateway, key, source, size, known, FOREVER if sha256 else ASK_AGAIN)


def _add_before(app: FastAPI, gateway: Gateway) -> None:
    @app.get(
        "/v1/edits/{batch}/{custom_id}/before",
        tags=["edits"],
        summary="A small copy of the picture that an edit was made of",
        responses=_ANSWERS,
        response_model=None,
    )
    async def before(
        batch: BatchId,
        custom_id: CustomId,
        key: Reader,
        size: Annotated[Size, Query(description="Pixels of the longer side, at most.")] = Size.OF_160,
        known: Known = "",
    ) -> Response:
        uri = str((await run_in_threadpool(_made, gateway, key, batch, custom_id)).parameters.get("init_image", ""))
        if image_address.kind_of(uri) not in (ImageKind.S3, ImageKind.URL):
            raise ProblemError(Kind.NOT_FOUND, f"what edit {custom_id} of batch {batch} was made of is in no S3")
        return await _answer(gateway, key, Source(uri), size, known, A_WHILE)


def _made(gateway: Gateway, key: AccessKey, batch: str, custom_id: str) -> Made:
    found(gateway, key, batch)
    for one in gateway.queue.made(batch, [custom_id]):
        return one
    raise ProblemError(Kind.NOT_FOUND, f"there is no edit {custom_id!r} in batch {batch!r}")


async def _answer(gateway: Gateway, key: AccessKey, source: Source, size: int, known: str, caches: str) -> Response:
    headers = {"Cache-Control": caches}
    tags = [one.strip().removeprefix("W/") for one in known.split(",")]
    if source.sha256 and tag_of(source.sha256, size) in tags:  # nothing is to be made
        return Response(status_code=304, headers={**headers, "ETag": tag_of(source.sha256, size)})
    thumbnail = await gateway.thumbnails.get(source, size, key.owner)
    headers["ETag"] = thumbnail.tag
    if thumbnail.tag in tags:
        return Response(status_code=304, headers=headers)
    return Response(thumbnail.jpeg, 200, headers, JPEG)
