"""The files of a batch's results, which are made when they are read: also before its end, with links that are new."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from retouch import blocking
from retouch.edit import BATCH_PATTERN
from retouch.edit_result import Result
from retouch.errors import LostObjectError
from retouch.media.stores import kept_store
from retouch.output import Output
from retouch.results.ended import ended_once
from retouch.states import EditState
from workers.gateway.context import Gateway
from workers.gateway.openai.lines import AS_BASE64, FORMAT
from workers.gateway.openai.shapes import FileObject
from workers.gateway.problems import Kind, ProblemError

LINK_S = 24 * 3600  # how long a link to a picture is good; less if the gateway's own credentials end
OUTPUT, ERRORS = "file-output.", "file-errors."
GONE = "picture_gone"  # the code of a line whose picture was removed from S3
PIECE = 64 * 1024  # characters that are sent at once


class ResultFile(NamedTuple):
    """The file of one kind of results of a batch."""

    kind: str
    batch: str

    @property
    def id(self) -> str:
        """What clients call it."""
        return f"{self.kind}{self.batch}"

    @classmethod
    def parse(cls, id: str) -> ResultFile | None:
        """Read an id; None if it is of no such file."""
        kind, batch = id[: len(OUTPUT)], id[len(OUTPUT) :]
        return cls(kind, batch) if kind in (OUTPUT, ERRORS) and BATCH_PATTERN.fullmatch(batch) else None

    def to_json(self, created: int) -> FileObject:
        """As clients are told of it."""
        name = f"{self.batch}_{'output' if self.kind == OUTPUT else 'error'}.jsonl"
        return FileObject(id=self.id, bytes=0, created_at=created, filename=name, purpose="batch_output")

    def content(self, gateway: Gateway) -> Iterator[str]:
        """Its lines by now, in pieces; raises InputError if neither Redis nor S3 has the batch."""
        settings = gateway.settings
        found = ended_once(gateway.queue, self.batch, settings.bucket, settings.prefix)
        wanted = (one for one in found if (one.state is EditState.COMPLETED) is (self.kind == OUTPUT))
        yield from _pieces(json.dumps(_line(self.batch, result, settings.bucket)) + "\n" for result in wanted)


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    """Lines together, as long as they are short: with pictures in it one has megabytes."""
    piece = ""
    for line in lines:
        piece += line
        if len(piece) >= PIECE:
            yield piece
            piece = ""
    if piece:
        yield piece


def _line(batch: str, result: Result, bucket: str) -> dict[str, Any]:
    id = f"batch_req_{batch}/{result.custom_id}"
    line: dict[str, Any] = {"id": id, "custom_id": result.custom_id, "response": None, "error": None}
    if result.state is not EditState.COMPLETED:
        error = result.error
        line["error"] = {"code": error.code if error else result.state, "message": error.message if error else ""}
        return line
    embedded = result.metadata.get(FORMAT) == AS_BASE64
    try:
        data = [_embedded(output) if embedded else {"url": _link(output, bucket)} for output in result.outputs]
    except LostObjectError as error:  # the other lines are what they were
        line["error"] = {"code": GONE, "message": str(error)}
        return line
    ended = int(result.completed_at.timestamp()) if result.completed_at else 0
    body = {"created": ended, "data": data}
    line["response"] = {"status_code": 200, "request_id": result.provider_id or id, "body": body}
    return line


def _link(output: Output, bucket: str) -> str:
    store = kept_store(bucket)
    if trouble := blocking.run(store.signing_trouble()):
        raise ProblemError(Kind.AWAY, f"no link can be made: {trouble}")
    return store.presign_get(output.uri, LINK_S)


def _embedded(output: Output) -> dict[str, str]:
    bucket, _, key = output.uri.removeprefix("s3://").partition("/")
    return {AS_BASE64: b64encode(blocking.run(_read(bucket, key))).decode()}


async def _read(bucket: str, key: str) -> bytes:
    return b"".join([bytes(piece) async for piece in kept_store(bucket).chunks(key)])
