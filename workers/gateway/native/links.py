"""``POST /v1/batches/{batch}/links``: links by which a caller reads a batch's images from S3, without rights there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from retouch import blocking, image_address, object_keys
from retouch.edit import CUSTOM_ID_PATTERN
from retouch.image_address import ImageKind
from retouch.media.stores import kept_store
from workers.gateway.context import Gateway
from workers.gateway.native.batches import BatchId, Reader, nothing
from workers.gateway.problems import Kind, ProblemError, described
from workers.gateway.saved_names import saved_name
from workers.gateway.veil import check_shown

MOST = 100  # links in an answer: some 50 ms to sign
LONGEST_S = 24 * 3600

CustomId = Annotated[str, Field(pattern=rf"^{CUSTOM_ID_PATTERN.pattern}$")]
Uri = Annotated[str, Field(max_length=1100, description="`uri` of an output, as results have it.")]


class LinksAsked(BaseModel):
    """The objects that are to be read."""

    model_config = ConfigDict(extra="forbid", strict=True)

    uris: list[Uri] = Field([], max_length=MOST)
    inputs: list[CustomId] = Field(
        [], max_length=MOST, description="Edits: a link to the picture that each was made of, if that is in S3."
    )
    save: bool = Field(
        False, description="A browser that follows a link to an image saves a file, which is named as the edit."
    )
    expires_s: int = Field(
        900, ge=1, le=LONGEST_S, description="For how many seconds; less, if the gateway's own credentials end sooner."
    )


class Links(BaseModel):
    """A link for each ``uri``, and for what edits were made of; for whoever has it. After ``expires_at`` it is refused.

    ``inputs``: by ``custom_id``. Edits are missing whose picture is not in S3, or whose batch has left Redis.
    """

    links: dict[str, str]
    inputs: dict[str, str] = {}
    expires_at: datetime


def add_links(app: FastAPI, gateway: Gateway) -> None:
    """Add the route."""
    settings = gateway.settings

    @app.post(
        "/v1/batches/{batch}/links",
        tags=["batches"],
        summary="Links to read a batch's images by, and what they were made of",
        responses=described(
            *(Kind.BAD_REQUEST, Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.NOT_FOUND, Kind.TOO_SLOW, Kind.TOO_LARGE),
            *(Kind.WRONG_TYPE, Kind.INVALID, Kind.TOO_MANY, Kind.BUG, Kind.AWAY),
        ),
    )
    async def links(batch: BatchId, key: Reader, asked: LinksAsked) -> Links:
        if not key.may_name(batch):
            raise nothing(batch)
        if not settings.bucket:  # of a page that runs alone
            raise ProblemError(Kind.AWAY, "no link can be made: RETOUCH_BUCKET is not set where this page runs")
        folder = f"s3://{settings.bucket}/{object_keys.batch_folder(settings.prefix, batch)}"
        _check(asked.uris, folder)
        check_shown(key, asked.uris, folder)
        return await gateway.s3_threads.run(sign, batch, asked)

    def sign(batch: str, asked: LinksAsked) -> Links:
        store, expires = kept_store(settings.bucket), datetime.now(UTC) + timedelta(seconds=asked.expires_s)
        if trouble := blocking.run(store.signing_trouble()):
            raise ProblemError(Kind.AWAY, f"no link can be made: {trouble}")
        return Links(
            links={
                uri: store.presign_get(uri, asked.expires_s, _file(uri) if asked.save else "") for uri in asked.uris
            },
            inputs={name: store.presign_get(uri, asked.expires_s) for name, uri in inputs_of(batch, asked.inputs)},
            expires_at=expires,
        )

    def inputs_of(batch: str, custom_ids: list[str]) -> Iterator[tuple[str, str]]:
        if custom_ids and gateway.queue.find(batch):
            for one in gateway.queue.made(batch, custom_ids):
                if image_address.kind_of(uri := one.parameters["init_image"]) is ImageKind.S3:
                    yield one.custom_id, uri


def _file(uri: str) -> str:
    """What a browser calls it on its disk."""
    *_, custom_id, name = uri.split("/")
    number, _, extension = name.partition(".")
    return saved_name(custom_id, int(number), extension) if object_keys.is_image(f"{custom_id}/{name}") else name


def _check(uris: list[str], folder: str) -> None:
    """Raise ProblemError if one is not of the batch: whoever reads it reads no other objects."""
    for place, uri in enumerate(uris):
        if not uri.startswith(folder) or any(part in ("", ".", "..") for part in uri.removeprefix(folder).split("/")):
            detail = f"{uri[:200]!r} is none of the batch's objects, which are in {folder}"
            raise ProblemError(Kind.INVALID, detail, errors=[{"field": f"uris.{place}", "detail": detail}])
