"""``/openai/v1/files``: what is to be run, pictures for it, and what has come out of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Literal, cast

from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import StreamingResponse
from starlette.datastructures import UploadFile
from starlette.responses import Response

from retouch.access_keys import AccessKey, Scope
from retouch.errors import BrokenResultError
from retouch.intake.uploads import MAX_SIDE
from retouch.media import images
from workers.gateway.body import kept_form
from workers.gateway.context import Gateway
from workers.gateway.gate import WHOLE, needs
from workers.gateway.openai.outputs import ResultFile
from workers.gateway.openai.records import BatchRecords
from workers.gateway.openai.shapes import PURPOSES, FileDeleted, FileList, FileObject, Purpose
from workers.gateway.openai.shelf import KeptFile, Shelf
from workers.gateway.problems import Kind, ProblemError, described

FileId = Annotated[str, Path(max_length=200, description="The file's id.")]
Reader = Annotated[AccessKey, needs(Scope.READ)]
Sender = Annotated[AccessKey, needs(Scope.SUBMIT)]
_ANY = (Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.INVALID, Kind.TOO_MANY, Kind.BUG, Kind.AWAY)
_PLACE = "/openai/v1/files"
_FORM = {
    "type": "object",
    "required": ["purpose", "file"],
    "properties": {
        "purpose": {"type": "string", "enum": list(PURPOSES)},
        "file": {"type": "string", "format": "binary"},
    },
}


def add_files(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""
    shelf = Shelf(gateway.settings.bucket, gateway.settings.prefix)
    _add_upload(app, gateway, shelf)
    _add_list(app, gateway, shelf)
    _add_one(app, gateway, shelf)


def _add_upload(app: FastAPI, gateway: Gateway, shelf: Shelf) -> None:
    @app.post(
        _PLACE,
        tags=["openai"],
        summary="Upload a file: a batch, or a picture that a batch names",
        responses={
            200: {"model": FileObject},
            **described(*_ANY, Kind.BAD_REQUEST, Kind.TOO_SLOW, Kind.TOO_LARGE, Kind.WRONG_TYPE, openai=True),
        },
        response_model=None,
        openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}},
    )
    async def upload(request: Request, key: Sender) -> FileObject:
        most = min(gateway.settings.max_body_bytes, key.max_body or gateway.settings.max_body_bytes)
        async with kept_form(request, most) as form:
            purpose, file = form.get("purpose"), form.get("file")
            if purpose not in PURPOSES:
                raise _wrong("purpose", f"purpose must be one of {', '.join(PURPOSES)}")
            if not isinstance(file, UploadFile) or not file.size:
                raise _wrong("file", "file must be a file of the form, and not empty")
            saved = await gateway.openai_threads.run(_save, shelf, key.owner, cast(Purpose, purpose), file)
            return saved.to_json()


def _save(shelf: Shelf, owner: str, purpose: Purpose, file: UploadFile) -> KeptFile:
    kind = "application/jsonl"
    if purpose == "vision":
        if (file.size or 0) > images.MAX_BYTES:
            raise _wrong("file", f"file: a picture may have {images.MAX_BYTES:,} bytes")
        try:
            kind = images.inspect(file.file.read(), MAX_SIDE).content_type
        except BrokenResultError as error:
            reason = str(error).removeprefix("the result ")
            raise _wrong("file", f"file is not a picture (PNG, JPEG, WebP): it {reason}") from None
    return shelf.save(owner, purpose, file.filename or "", file.file, kind)


def _wrong(field: str, detail: str) -> ProblemError:
    return ProblemError(Kind.INVALID, detail, errors=[{"field": field, "detail": detail}])


def _add_list(app: FastAPI, gateway: Gateway, shelf: Shelf) -> None:
    @app.get(
        _PLACE,
        tags=["openai"],
        summary="The files that were uploaded with this key",
        responses={200: {"model": FileList}, **described(*_ANY, openai=True)},
        response_model=None,
    )
    async def files(
        key: Reader,
        purpose: Annotated[str, Query(max_length=40, description="Only those with this purpose.")] = "",
        limit: Annotated[int, Query(ge=1, le=10_000, description="At most so many.")] = 10_000,
        order: Annotated[Literal["asc", "desc"], Query(description="By the time of the upload.")] = "desc",
        after: Annotated[str, Query(max_length=200, description="The last id of the page before.")] = "",
    ) -> FileList:
        kept = await gateway.openai_threads.run(shelf.all, key.owner)
        found = [file.to_json() for file in kept if purpose in ("", file.purpose)]
        if after:  # also where that file was removed since: an id begins with its time
            found = [file for file in found if (file.id < after if order == "desc" else file.id > after)]
        shown = (found if order == "desc" else found[::-1])[:limit]
        first, last = (shown[0].id, shown[-1].id) if shown else (None, None)
        return FileList(data=shown, first_id=first, last_id=last, has_more=limit < len(found))


def _add_one(app: FastAPI, gateway: Gateway, shelf: Shelf) -> None:
    records, threads = BatchRecords(gateway), gateway.openai_threads
    one = described(*_ANY, Kind.NOT_FOUND, openai=True)

    def kept(key: AccessKey, id: str) -> KeptFile:
        if file := shelf.find(key.owner, id):
            return file
        raise _nothing(id)

    def results(key: AccessKey, id: str) -> tuple[ResultFile, int] | None:
        """The file of results, and when its batch was made."""
        file = ResultFile.parse(id)
        record = records.find(key, file.batch) if file else None
        return (file, record.created_at) if file and record else None

    @app.get(
        f"{_PLACE}/{{id}}",
        tags=["openai"],
        summary="One file",
        responses={200: {"model": FileObject}, **one},
        response_model=None,
    )
    async def file(id: FileId, key: Reader) -> FileObject:
        if made := await threads.run(results, key, id):
            return made[0].to_json(made[1])
        return (await threads.run(kept, key, id)).to_json()

    @app.get(
        f"{_PLACE}/{{id}}/content",
        tags=["openai"],
        summary="What is in a file; of results, those that are there by now",
        responses={
            200: {
                "content": {"application/octet-stream": {"schema": {"type": "string"}}},
                "description": "Its bytes; of results, a line an edit",
            },
            **one,
            **described(Kind.OLD_HTTP, openai=True),
        },
        dependencies=[WHOLE],
        response_model=None,
    )
    async def content(id: FileId, key: Reader) -> Response:
        def begin() -> tuple[str | bytes, Iterator[str | bytes]]:
            made = results(key, id)
            pieces: Iterator[str | bytes] = made[0].content(gateway) if made else shelf.content(kept(key, id))
            return next(pieces, b""), pieces

        first, pieces = await threads.run(begin)
        return StreamingResponse(threads.each(chain([first], pieces)), 200, media_type="application/octet-stream")

    @app.delete(
        f"{_PLACE}/{{id}}",
        tags=["openai"],
        summary="Remove a file that was uploaded; batches that were made of it go on",
        responses={200: {"model": FileDeleted}, **one},
        response_model=None,
    )
    async def delete(id: FileId, key: Sender) -> FileDeleted:
        await threads.run(lambda: shelf.delete(kept(key, id)))
        return FileDeleted(id=id)


def _nothing(id: str) -> ProblemError:
    return ProblemError(Kind.NOT_FOUND, f"there is no file {id[:80]!r} that this key may know of; files stay 30 days")
