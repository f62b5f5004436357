"""``/openai/v1/batches``: a file becomes a batch by the intake that the native face has, and is followed."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query

from retouch.access_keys import AccessKey, Scope
from retouch.causes import BatchPause
from retouch.ledger import BatchView
from retouch.states import BatchState, EditState
from workers.gateway.context import Gateway
from workers.gateway.gate import needs
from workers.gateway.intake import Order
from workers.gateway.openai.lines import BatchLines
from workers.gateway.openai.names import FIELDS
from workers.gateway.openai.outputs import ERRORS, OUTPUT, ResultFile
from workers.gateway.openai.records import BatchRecords, Record
from workers.gateway.openai.shapes import Batch, BatchList, BatchRequest, Errors, LineError, RequestCounts, Status
from workers.gateway.openai.shelf import KeptFile, Shelf
from workers.gateway.problems import Kind, ProblemError, described
from workers.gateway.threads import Threads

DIGITS = 24  # of a batch's id, behind the key's prefix
AT_ONCE = 4  # files that are checked and written at a time, as on the native face
WINDOW_S = 24 * 3600  # after that a batch that never became whole is given up
UNPREFIXED = "batch_"
ADVICE = (
    'upload the picture first (POST /openai/v1/files with the purpose "vision") and write the file\'s id, or write the'
    " picture as a data URI"
)
_PLACE = "/openai/v1/batches"
_ANY = (Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.INVALID, Kind.TOO_MANY, Kind.BUG, Kind.AWAY)
_OF_A_BODY = (Kind.BAD_REQUEST, Kind.TOO_SLOW, Kind.TOO_LARGE, Kind.WRONG_TYPE)
_OF_THE_FILE = (Kind.REJECTED, Kind.INVALID, Kind.TOO_LARGE)  # problems by which a batch is failed, not a request

Id = Annotated[str, Path(max_length=100, description="The batch's id.")]
Reader = Annotated[AccessKey, needs(Scope.READ)]


class Batches:
    """The batches of OpenAI's clients. Blocks, so it is called on a thread."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._shelf = Shelf(gateway.settings.bucket, gateway.settings.prefix)
        self._records = BatchRecords(gateway)

    def create(self, key: AccessKey, asked: BatchRequest) -> Batch:
        """Make a batch; the same request again, at any moment, is the same batch, and nothing in it is there twice."""
        file = self._shelf.find(key.owner, asked.input_file_id)
        if file is None or file.purpose != "batch":
            detail = f'there is no file {asked.input_file_id[:80]!r} of this key with the purpose "batch"'
            raise ProblemError(Kind.INVALID, detail, errors=[{"field": "input_file_id", "detail": detail}])
        id = id_of(key.prefix, file.content, asked)
        record = self._records.find(key, id)
        if record is None:
            record = Record(id=id, created_at=int(time.time()), **asked.model_dump(exclude={"output_expires_after"}))
            self._records.keep(record)
        if record.total is None:
            record = self._fill(key, file, record)
        return self._shown(record)

    def get(self, key: AccessKey, id: str) -> Batch:
        """One batch; raises ProblemError if there is none that the key may know of."""
        return self._shown(self._found(key, id))

    def page(self, key: AccessKey, after: str, limit: int) -> BatchList:
        """Batches from the newest on, after the one of this id."""
        ids = self._records.ids(key)
        if after and after not in ids:  # the first page again would be one without end
            detail = f"there is no batch {after[:80]!r} after which to list others: begin without after"
            raise ProblemError(Kind.INVALID, detail, errors=[{"field": "after", "detail": detail}])
        begin = ids.index(after) + 1 if after else 0
        found = (self._records.find(key, id) for id in ids[begin : begin + limit])
        shown = [self._shown(record) for record in found if record]
        first, last = (shown[0].id, shown[-1].id) if shown else (None, None)
        return BatchList(data=shown, first_id=first, last_id=last, has_more=begin + limit < len(ids))

    def cancel(self, key: AccessKey, id: str) -> Batch:
        """Cancel what is not at the API yet; raises ProblemError if the batch has ended."""
        record = self._found(key, id)
        now = self._shown(record)
        if now.status in ("completed", "failed", "expired"):
            raise ProblemError(Kind.INVALID, f"the batch {id} cannot be cancelled: it is {now.status}")
        if self._gateway.queue.find(id):
            self._gateway.queue.cancel(id, [EditState.QUEUED, EditState.HELD])
        elif now.status == "validating":
            raise ProblemError(Kind.INVALID, f"the batch {id} cannot be cancelled yet: nothing of it is written")
        return self._shown(record)

    def _found(self, key: AccessKey, id: str) -> Record:
        if record := self._records.find(key, id):
            return record
        detail = f"there is no batch {id[:80]!r} that this key may know of; those made by /v1/batches are there"
        raise ProblemError(Kind.NOT_FOUND, detail)

    def _fill(self, key: AccessKey, file: KeptFile, record: Record) -> Record:
        view = self._gateway.queue.find(record.id)
        if view and view.cancelled:  # while it was written: it is not taken up again
            return self._noted(record, total=view.total)
        pictures: dict[str, str] = {}

        def address_of(id: str) -> str | None:
            if not pictures:  # asked for once, also if there are thousands
                found = self._shelf.all(key.owner)
                pictures.update(
                    {"": ""}, **{one.id: self._shelf.address(one) for one in found if one.purpose != "batch"}
                )
            return pictures.get(id)

        with self._shelf.opened(file) as stream:
            order = Order(BatchLines(stream, address_of), record.id, fields=FIELDS, advice=ADVICE)
            try:
                taken = self._gateway.desk.take(key, order)
            except ProblemError as problem:
                if problem.kind not in _OF_THE_FILE:
                    raise
                return self._noted(record, errors=_errors(problem), failed_at=int(time.time()))
        return self._noted(record, total=taken.receipt.written, errors=None, failed_at=None)

    def _noted(self, record: Record, **changes: Any) -> Record:
        record = record.model_copy(update=changes)
        self._records.keep(record)
        return record

    def _shown(self, record: Record) -> Batch:
        view = self._gateway.queue.find(record.id)
        ended = self._records.ended(record.id) if view is None and record.total is not None else None
        counts = _counts(view) if view else ended or RequestCounts(total=record.total or 0)
        lost = counts.failed or (view and view.counts.get(EditState.CANCELLED)) or (ended and _cancelled(ended))
        failed = view is None and record.errors is not None
        return Batch(
            **record.model_dump(exclude={"total", "errors", "failed_at"}),
            status=status_of(record, view, ended),
            errors=record.errors if failed else None,
            failed_at=record.failed_at if failed else None,
            request_counts=counts,
            output_file_id=ResultFile(OUTPUT, record.id).id if counts.completed else None,
            error_file_id=ResultFile(ERRORS, record.id).id if lost else None,
            in_progress_at=int(view.created.timestamp()) if view else None,
        )


def id_of(prefix: str, content: str, asked: BatchRequest) -> str:
    """The id that a batch has: made of what is in its file, of its endpoint and of its metadata."""
    made_of = json.dumps([content, asked.endpoint, asked.metadata or {}], sort_keys=True)
    return f"{prefix or UNPREFIXED}{hashlib.sha256(made_of.encode()).hexdigest()[:DIGITS]}"


def status_of(record: Record, view: BatchView | None, ended: RequestCounts | None) -> Status:
    """Where a batch stands, in OpenAI's words. ``ended``: how, of one that has left Redis."""
    if view is not None:
        return _running(view)
    if record.errors is not None:
        return "failed"
    if ended is not None:
        return "cancelled" if _cancelled(ended) else "completed"
    given_up = record.total is not None or record.created_at + WINDOW_S < time.time()
    return "expired" if given_up else "validating"


def _running(view: BatchView) -> Status:
    if view.finished:
        return "cancelled" if view.cancelled else "completed"
    if view.cancelled:
        return "cancelling"
    if view.unsealed or any(pause.cause == BatchPause.ARRIVING for pause in view.paused):
        return "validating"
    return "finalizing" if view.state is BatchState.FINISHING else "in_progress"


def _counts(view: BatchView) -> RequestCounts:
    counts = view.counts
    completed, failed = counts.get(EditState.COMPLETED, 0), counts.get(EditState.FAILED, 0)
    return RequestCounts(total=view.total, completed=completed, failed=failed)


def _cancelled(ended: RequestCounts) -> bool:
    return ended.total > ended.completed + ended.failed


def _errors(problem: ProblemError) -> Errors:
    faults = problem.more.get("errors") or [{"detail": str(problem)}]
    code = problem.kind.slug.replace("-", "_")
    found = [
        LineError(line=one.get("line"), code=code, message=one["detail"], param=one.get("field")) for one in faults
    ]
    return Errors(data=found)


def add_batches(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""
    batches, filling = Batches(gateway), Threads(AT_ONCE)
    of_one = {200: {"model": Batch}, **described(*_ANY, Kind.NOT_FOUND, openai=True)}
    told: dict[str, Any] = {"tags": ["openai"], "response_model": None}

    @app.post(
        _PLACE,
        summary="Make a batch of a file; the same again is the same batch",
        responses={200: {"model": Batch}, **described(*_ANY, *_OF_A_BODY, Kind.NOT_FOUND, Kind.CANCELLED, openai=True)},
        **told,
    )
    async def create(asked: BatchRequest, key: Annotated[AccessKey, needs(Scope.SUBMIT)]) -> Batch:
        return await filling.run(batches.create, key, asked)

    @app.get(
        _PLACE,
        summary="The batches, the newest first",
        responses={200: {"model": BatchList}, **described(*_ANY, openai=True)},
        **told,
    )
    async def listed(
        key: Reader,
        after: Annotated[str, Query(max_length=100, description="The last id of the page before.")] = "",
        limit: Annotated[int, Query(ge=1, le=100, description="At most so many.")] = 20,
    ) -> BatchList:
        return await gateway.openai_threads.run(batches.page, key, after, limit)

    @app.get(f"{_PLACE}/{{id}}", summary="Where a batch stands", responses=of_one, **told)
    async def one(id: Id, key: Reader) -> Batch:
        return await gateway.openai_threads.run(batches.get, key, id)

    @app.post(
        f"{_PLACE}/{{id}}/cancel", summary="Cancel the edits that are not at the API yet", responses=of_one, **told
    )
    async def cancel(id: Id, key: Annotated[AccessKey, needs(Scope.OPERATE)]) -> Batch:
        return await gateway.openai_threads.run(batches.cancel, key, id)
