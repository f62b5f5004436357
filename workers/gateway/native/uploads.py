"""``POST /v1/uploads``: a link by which a caller puts a picture of its own into the bucket."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from retouch import blocking, object_keys
from retouch.access_keys import AccessKey, Scope
from retouch.edit import BATCH_PATTERN
from retouch.errors import StoreError
from retouch.media.images import MAX_BYTES
from retouch.media.stores import kept_store
from workers.gateway.context import Gateway
from workers.gateway.gate import needs
from workers.gateway.native.batches import may_name
from workers.gateway.problems import Kind, ProblemError, described

EXPIRES_S = 900
REUSED = timedelta(days=1)  # so long a picture is not sent again: a lifecycle rule may remove it some days later
EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


class Upload(BaseModel):
    """The picture that is to be uploaded."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of its bytes, hexadecimal: it is named by that.")
    size: int = Field(ge=1, le=MAX_BYTES, description="Its bytes.")
    content_type: Literal["image/png", "image/jpeg", "image/webp"]
    batch: str | None = Field(
        None,
        pattern=rf"^{BATCH_PATTERN.pattern}$",
        description="The batch of the edit that will name it: a key that may not name it is refused at once.",
    )


class Uploaded(BaseModel):
    """The picture is there already: what to write as the edit's ``init_image``."""

    init_image: str


class UploadLink(Uploaded):
    """Where it is to be put, with which headers, and what to write as the edit's ``init_image`` then."""

    method: Literal["PUT"]
    url: str
    headers: dict[str, str]
    expires_at: datetime


def add_uploads(app: FastAPI, gateway: Gateway) -> None:
    """Add the route."""
    settings = gateway.settings

    async def is_there(key: str, upload: Upload) -> bool:
        found = None
        with suppress(StoreError):  # S3 may not say what is not there, and a link is made without it
            found = await kept_store(settings.bucket).find(key)
        return bool(found and found.size == upload.size and datetime.now(UTC) - found.written < REUSED)

    async def link(key: str, upload: Upload) -> tuple[str, dict[str, str]]:
        store = kept_store(settings.bucket)
        if trouble := await store.signing_trouble():
            raise ProblemError(Kind.AWAY, f"no link can be made: {trouble}")
        return store.presign_put(key, bytes.fromhex(upload.sha256), upload.size, upload.content_type, EXPIRES_S)

    @app.post(
        "/v1/uploads",
        status_code=201,
        tags=["uploads"],
        summary="A link to upload a picture by, if it is not there already",
        response_model=UploadLink,
        responses={
            200: {"model": Uploaded, "description": "It was uploaded within the last day: nothing is to be sent"},
            **described(
                *(Kind.BAD_REQUEST, Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.TOO_SLOW, Kind.TOO_LARGE, Kind.WRONG_TYPE),
                *(Kind.INVALID, Kind.TOO_MANY, Kind.BUG, Kind.AWAY),
            ),
        },
    )
    async def upload(upload: Upload, key: Annotated[AccessKey, needs(Scope.SUBMIT)]) -> UploadLink | Response:
        if upload.batch:
            may_name(key, upload.batch)
        return await gateway.s3_threads.run(answer, upload, key)

    def answer(upload: Upload, key: AccessKey) -> UploadLink | Response:
        name = f"{upload.sha256}.{EXTENSIONS[upload.content_type]}"
        place = f"{object_keys.uploads(settings.prefix, key.owner)}{name}"
        init_image = f"s3://{settings.bucket}/{place}"
        if blocking.run(is_there(place, upload)):
            return JSONResponse({"init_image": init_image})
        expires = datetime.now(UTC) + timedelta(seconds=EXPIRES_S)
        url, headers = blocking.run(link(place, upload))
        return UploadLink(init_image=init_image, method="PUT", url=url, headers=headers, expires_at=expires)
