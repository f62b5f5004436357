"""``GET /page/live``: what changes while a page is looked at, as server-sent events."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, NamedTuple

from fastapi import FastAPI, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from retouch.access_keys import AccessKey
from retouch.edit import BATCH_PATTERN
from retouch.errors import InputError, ServiceError
from retouch.ledger import Ledger
from retouch.ledger.views import iso
from retouch.queue import EditQueue
from retouch.records.batches import BatchRecord
from retouch.records.jobs import JobRecord
from retouch.records.provider import ApiUseRecord
from workers.gateway.context import Gateway
from workers.gateway.gate import opens_still
from workers.gateway.native.batches import Reader, found
from workers.gateway.native.events import RETRY_MS, SILENT_S
from workers.gateway.native.provider import use_of
from workers.gateway.page.changes import ranges, records
from workers.gateway.watching import Told, Watch

NEWEST = 200  # batches that are watched; older ones are as they were when the page was loaded
NEWEST_SAMPLES = 3  # minutes; whoever comes back later than that reads the whole
EVERY_S, LIST_EVERY_S = 0.5, 1.0
JOBS = 5  # of a batch, the newest, beside those that are at work


def add_live(app: FastAPI, gateway: Gateway) -> None:
    """Add the route."""

    def batches(prefix: str) -> dict[str, Any]:
        return {view.batch: view.to_json() for view in gateway.queue.batches(NEWEST, prefix=prefix)}

    differ = partial(records, most=NEWEST)

    def of_all(prefix: str) -> Watch[Any]:
        """One for all whose keys have this prefix."""
        return gateway.watches.get(f"all/{prefix}", lambda: Watch(lambda: batches(prefix), differ, LIST_EVERY_S))

    def of_batch(batch: str) -> Watch[Any]:
        """One for all who look at this batch."""
        return gateway.watches.get(
            f"one/{batch}", lambda: Watch(lambda: _seen(gateway.queue, gateway.ledger, batch), _changed, EVERY_S)
        )

    def of_provider(key: AccessKey) -> Watch[Any]:
        """One for all who may know the same of the API's use."""
        reads = partial(_used, gateway.queue, gateway.ledger, key)
        name = f"provider/{bool(key.prefix)}/{key.sees_words}"
        return gateway.watches.get(name, lambda: Watch(reads, _used_since, LIST_EVERY_S))

    @app.get("/page/live", include_in_schema=False)
    async def live(
        request: Request,
        key: Reader,
        batch: Annotated[str, Query(pattern=rf"^({BATCH_PATTERN.pattern})?$")] = "",
        provider: Annotated[bool, Query()] = False,
        after: Annotated[str, Query(max_length=80)] = "",
        last_event_id: Annotated[str, Header(max_length=80)] = "",
    ) -> Response:
        if batch:
            await run_in_threadpool(found, gateway, key, batch)
        watch = of_batch(batch) if batch else of_provider(key) if provider else of_all(key.prefix)
        told = watch.listen(last_event_id or after, SILENT_S)
        lines = _lines(told, opens_still(request))
        return StreamingResponse(lines, 200, {"X-Accel-Buffering": "no"}, "text/event-stream")


class Used(NamedTuple):
    """How the API is used at one moment. ``at``: as in ``Seen``."""

    at: str
    record: ApiUseRecord


def _used(queue: EditQueue, ledger: Ledger, key: AccessKey) -> Used:
    return Used(str(iso(ledger.connection.now())), use_of(queue, key, NEWEST_SAMPLES))


def _used_since(before: Used, after: Used) -> list[tuple[str, Any]]:
    return [("provider", {**after.record, "at": after.at})] if before.record != after.record else []


class Seen(NamedTuple):
    """A batch at one moment: its record, a byte for each edit's state, failure group and pick, its newest jobs.

    Nothing, if it is gone. ``at``: before it was read, by Redis' clock: what was written until then is in it.
    """

    at: str = ""
    record: BatchRecord | None = None
    states: bytes = b""
    groups: bytes = b""
    picks: bytes = b""
    jobs: Sequence[JobRecord] = ()


def _seen(queue: EditQueue, ledger: Ledger, batch: str) -> Seen:
    at = str(iso(ledger.connection.now()))
    view = queue.find(batch)
    try:
        if view is None:
            return Seen()
        newest = [job.to_json() for job in ledger.jobs.of_batch(batch, JOBS)]
        strips = queue.strip(batch), queue.group_strip(batch), queue.pick_strip(batch)
        return Seen(at, view.to_json(), *strips, newest)
    except InputError:  # removed since
        return Seen()


def _changed(before: Seen, after: Seen) -> list[tuple[str, Any]]:
    """Its edits first, then the batch: what counts them is never behind."""
    if after.record is None:
        return [("gone", None)] if before.record else []
    told: list[tuple[str, Any]] = []
    changed = {name: ranges(getattr(before, name), getattr(after, name)) for name in ("states", "groups", "picks")}
    if any(changed.values()):
        told.append(("strip", {**changed, "total": len(after.states), "at": after.at}))
    if before.record != after.record:
        told.append(("batch", {**after.record, "at": after.at}))
    if before.jobs != after.jobs:
        told.append(("jobs", {"jobs": after.jobs, "at": after.at}))
    return told


async def _lines(told: AsyncIterator[list[Told]], opens: Callable[[], bool]) -> AsyncIterator[str]:
    """The stream; it ends soon after the session, or the key, has ended, and with the gateway."""
    yield f"retry: {RETRY_MS}\n\n"
    asked_at = time.monotonic()
    async for events in told:
        if time.monotonic() - asked_at >= SILENT_S:
            with suppress(ServiceError):
                if not await run_in_threadpool(opens):
                    return
            asked_at = time.monotonic()
        for one in events:  # each is made when the one before has gone: of who reads slowly no more is held
            yield f"id: {one.id}\nevent: {one.type}\ndata: {json.dumps(one.data)}\n\n"
        if not events:
            yield ": alive\n\n"
