"""Batches: listed, looked at, waited for, and changed by a person's decision."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, islice
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, Path, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.responses import Response
from typing_extensions import TypedDict

from retouch.access_keys import AccessKey, Scope
from retouch.edit import BATCH_PATTERN
from retouch.edit_result import Result
from retouch.errors import InputError
from retouch.failure_limit import is_stopped
from retouch.ledger import OTHER_GROUP, BatchView
from retouch.records.batches import BatchRecord
from retouch.results.ended import ended_once, states_of
from retouch.states import EditState
from workers.gateway.context import Gateway
from workers.gateway.gate import WHOLE, needs
from workers.gateway.problems import Kind, ProblemError, described
from workers.gateway.veil import told_batch

AT_ONCE = 500  # results in a piece of an answer
LONGEST_WAIT_S = 300.0
COMPLETED, PAUSED = "retouch.batch.completed", "retouch.paused"
_ANY = (Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.INVALID, Kind.TOO_MANY, Kind.BUG, Kind.AWAY)
ONE = (*_ANY, Kind.NOT_FOUND)

BatchId = Annotated[str, Path(pattern=rf"^{BATCH_PATTERN.pattern}$", description="The batch's id.")]
Reader = Annotated[AccessKey, needs(Scope.READ, Scope.WATCH)]  # the latter is told less: see `veil`
Operator = Annotated[AccessKey, needs(Scope.OPERATE)]
Binder = Annotated[AccessKey, needs(Scope.SUBMIT, Scope.OPERATE)]  # what an enqueue does too


class BatchPage(TypedDict):
    """Batches, the newest first. ``next``: the cursor of the next page; null: there is none."""

    batches: list[BatchRecord]
    next: str | None


class Retry(TypedDict):
    """How many edits are tried again: about ``asked`` the API is asked first, ``sent`` are submitted again."""

    asked: int
    sent: int


class Cancelled(TypedDict):
    """How many edits were cancelled; those at the API are finished, and kept."""

    cancelled: int


class Changed(TypedDict):
    """Whether that has changed anything."""

    changed: bool


def of_all(why: str) -> Any:
    """A dependency: the key of the request, an operator's that is bound to no batches; ``why``: what concerns all."""

    def check(key: Operator) -> AccessKey:
        if key.prefix:
            detail = f"{why}, and key {key.name} is for those alone that begin with {key.prefix}"
            raise ProblemError(Kind.NOT_ALLOWED, detail)
        return key

    return Depends(check)


def found(gateway: Gateway, key: AccessKey, batch: str) -> BatchView:
    """A batch that the key may know of; raises ProblemError, which is the same for one that is another's."""
    view = gateway.queue.find(batch) if key.may_name(batch) else None
    if view is None:
        raise nothing(batch)
    return told_batch(key, view)


def may_name(key: AccessKey, batch: str) -> None:
    """Raise ProblemError unless a batch of this id is one of the key's, be it there or not."""
    if not key.may_name(batch):
        detail = f"batches of key {key.name} begin with {key.prefix}, and {batch} does not"
        raise ProblemError(Kind.NOT_ALLOWED, detail)


def nothing(batch: str) -> ProblemError:
    """What is said of a batch that is not there, and of one that the key may not know of."""
    detail = f"there is no batch {batch!r} that this key may know of; one that ended long ago is only in S3"
    return ProblemError(Kind.NOT_FOUND, detail)


def add_batches(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""
    _add_list(app, gateway)
    _add_one(app, gateway)
    _add_results(app, gateway)
    _add_wait(app, gateway)
    _add_changes(app, gateway)


def _add_list(app: FastAPI, gateway: Gateway) -> None:
    @app.get(
        "/v1/batches",
        tags=["batches"],
        summary="The batches, the newest first",
        responses={200: {"model": BatchPage}, **described(*_ANY)},
        response_model=None,
    )
    def batches(
        key: Reader,
        limit: Annotated[int, Query(ge=1, le=500, description="At most so many.")] = 50,
        cursor: Annotated[str, Query(max_length=200, description="`next` of the page before.")] = "",
        state: Annotated[
            Literal["open", "finishing", "completed", "paused"] | None, Query(description="Only those in this state.")
        ] = None,
        by: Annotated[
            str,
            Query(
                max_length=80,
                description="Only those with edits of this sender: `key:nightly` or `nightly`, `ann@build7` or `ann`.",
            ),
        ] = "",
        search: Annotated[
            str, Query(max_length=80, description="Only those with this in their id, or in the name of a sender.")
        ] = "",
    ) -> Response:
        before = _place(cursor) if cursor else None
        views = gateway.queue.batches(limit + 1, state=state, by=by, search=search, prefix=key.prefix, before=before)
        shown = views[:limit]
        more = _cursor(shown[-1]) if len(views) > limit else None
        return JSONResponse({"batches": [view.to_json() for view in shown], "next": more})


def _cursor(view: BatchView) -> str:
    return base64.urlsafe_b64encode(json.dumps(view.place).encode()).decode()


def _place(cursor: str) -> tuple[int, str]:
    try:
        created, name = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return int(created), str(name)
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        raise InputError(f"the cursor {cursor[:80]!r} is none: take next of a page, as it is") from None


def _add_one(app: FastAPI, gateway: Gateway) -> None:
    @app.get(
        "/v1/batches/{batch}",
        tags=["batches"],
        summary="Where a batch stands",
        responses={
            200: {"model": BatchRecord, "headers": {"ETag": {"schema": {"type": "string"}}}},
            304: {"description": "It stands as If-None-Match says"},
            **described(*ONE),
        },
        response_model=None,
    )
    def batch_of(
        batch: BatchId,
        key: Reader,
        if_none_match: Annotated[str, Header(description="The ETag of the answer that is known.")] = "",
    ) -> Response:
        return _shown(found(gateway, key, batch), if_none_match)


def _shown(view: BatchView, known: str = "") -> Response:
    return tagged(json.dumps(view.to_json()).encode(), known, "application/json")


def tagged(body: bytes, known: str, media_type: str) -> Response:
    """An answer with its ETag; 304 if that is among the ``known`` ones (``If-None-Match``)."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    tags = [one.strip().removeprefix("W/") for one in known.split(",")]
    if tag in tags or tags == ["*"]:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(body, 200, {"ETag": tag}, media_type)


def _add_results(app: FastAPI, gateway: Gateway) -> None:
    @app.get(
        "/v1/batches/{batch}/results",
        tags=["batches"],
        summary="The results of all edits that have ended, one a line, also before the batch's end",
        responses={
            200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}, "description": "A result a line"},
            **described(*ONE, Kind.OLD_HTTP),
        },
        dependencies=[WHOLE],
        response_model=None,
    )
    async def results(
        batch: BatchId,
        key: Reader,
        only: Annotated[
            list[Literal["completed", "failed", "cancelled"]], Query(description="Only those that ended so.")
        ] = [],  # noqa: B006 - FastAPI copies it
    ) -> Response:
        if not key.may_name(batch):
            raise nothing(batch)
        states, settings = states_of(only, "only"), gateway.settings
        all_of = ended_once(gateway.queue, batch, settings.bucket, settings.prefix)
        pieces = _pieces(one for one in all_of if one.state in states)
        threads = gateway.s3_threads
        try:
            first = await threads.run(next, pieces, "")
        except InputError:  # neither Redis nor S3 has it
            raise nothing(batch) from None
        return StreamingResponse(threads.each(chain([first], pieces)), 200, media_type="application/jsonl")


def _pieces(results: Iterator[Result]) -> Iterator[str]:
    while page := list(islice(results, AT_ONCE)):
        yield "".join(json.dumps(result.to_json()) + "\n" for result in page)


def _add_wait(app: FastAPI, gateway: Gateway) -> None:
    async def look(key: AccessKey, batch: str) -> BatchView:
        return await run_in_threadpool(found, gateway, key, batch)

    @app.get(
        "/v1/batches/{batch}/wait",
        tags=["batches"],
        summary="Where a batch stands, when it has ended; at the latest after `timeout` seconds",
        responses={200: {"model": BatchRecord}, **described(*ONE)},
        response_model=None,
    )
    async def wait(
        batch: BatchId,
        key: Reader,
        timeout: Annotated[
            float, Query(ge=0, le=LONGEST_WAIT_S, description="Seconds; then the state says that it goes on.")
        ] = 30.0,
        until: Annotated[
            Literal["completed", "failures"],
            Query(description="`failures`: also when it is paused because more have failed than its max_failures."),
        ] = "completed",
    ) -> Response:
        types = (COMPLETED, PAUSED) if until == "failures" else (COMPLETED,)

        def over(view: BatchView) -> bool:
            return view.finished or (until == "failures" and is_stopped(view))

        await gateway.feed.start()
        with gateway.feed.listening(lambda one: one["type"] in types and one["subject"] == batch) as listener:
            view, end, heard = await look(key, batch), time.monotonic() + timeout, True
            while heard and not over(view) and (left_s := end - time.monotonic()) > 0:
                with suppress(TimeoutError):
                    heard = bool(await listener.next(left_s))  # nothing: the gateway ends
                view = await look(key, batch)
        return _shown(view)


def _add_changes(app: FastAPI, gateway: Gateway) -> None:
    def change(name: str, summary: str, model: Any, handler: Callable[..., Any]) -> None:
        app.add_api_route(
            f"/v1/batches/{{batch}}/{name}",
            handler,
            methods=["POST"],
            tags=["decisions"],
            summary=summary,
            responses={200: {"model": model}, **described(*ONE)},
            response_model=None,
        )

    def retry(
        batch: BatchId,
        key: Operator,
        state: Annotated[
            Literal["failed", "held", "cancelled"], Query(description="The edits that are tried again.")
        ] = "failed",
        anew: Annotated[bool, Query(description="Submit all, without asking the API for results it may have.")] = False,
        group: Annotated[
            int | None, Query(ge=1, le=OTHER_GROUP, description="Only failed edits of this group of failures.")
        ] = None,
    ) -> Retry:
        found(gateway, key, batch)
        asked, sent = gateway.queue.retry(batch, [EditState(state)], anew=anew, group=group)
        return {"asked": asked, "sent": sent}

    def cancel(
        batch: BatchId,
        key: Operator,
        held: Annotated[bool, Query(description="Only the held edits, not the queued ones.")] = False,
    ) -> Cancelled:
        found(gateway, key, batch)
        states = [EditState.HELD] if held else [EditState.QUEUED, EditState.HELD]
        return {"cancelled": gateway.queue.cancel(batch, states)}

    def pause(batch: BatchId, key: Operator) -> Changed:
        found(gateway, key, batch)
        return {"changed": gateway.queue.pause(batch, f"somebody with the key {key.name} paused it")}

    def resume(
        batch: BatchId,
        key: Operator,
        max_failures: Annotated[
            str | None, Query(description="`10` or `1%`: holds from now on; without it any number may fail.")
        ] = None,
    ) -> Changed:
        found(gateway, key, batch)
        return {"changed": gateway.queue.resume(batch, max_failures=max_failures)}

    def limit(
        batch: BatchId,
        key: Binder,
        max_failures: Annotated[str, Query(description="`10` or `1%`: with more failed edits the batch is paused.")],
    ) -> BatchRecord:
        found(gateway, key, batch)
        return gateway.queue.limit_failures(batch, max_failures).to_json()

    def budget(
        batch: BatchId,
        key: Operator,
        budget: Annotated[str, Query(description="`20` or `20 USD`, as the price is; `none`: any amount.")],
    ) -> BatchRecord:
        found(gateway, key, batch)
        return gateway.queue.set_budget(batch, None if budget == "none" else budget).to_json()

    def seal(batch: BatchId, key: Binder) -> Changed:
        found(gateway, key, batch)
        return {"changed": gateway.queue.seal(batch)}

    change("retry", "Try edits again; the API is asked first where it may have a result", Retry, retry)
    change("cancel", "Cancel the edits that are not at the API yet", Cancelled, cancel)
    change("pause", "Submit no more of its edits; what is at the API is finished", Changed, pause)
    change("resume", "End all pauses of the batch", Changed, resume)
    change("limit", "Say how many of its edits may fail, where nobody has said so", BatchRecord, limit)
    change("budget", "Say what it may cost; it goes on if its next image fits", BatchRecord, budget)
    change("seal", "Let it end before its open_until, or though its producer is gone", Changed, seal)
