"""``GET /page/live``: what changes while a page is looked at, as server-sent events."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Annotated, Any

from fastapi import FastAPI, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from retouch.edit import BATCH_PATTERN
from retouch.errors import ServiceError
from retouch.ledger import BatchView
from workers.gateway.context import Gateway
from workers.gateway.gate import opens_still
from workers.gateway.native.batches import Reader, found
from workers.gateway.native.events import RETRY_MS, SILENT_S
from workers.gateway.page.changes import records
from workers.gateway.watching import Told, Watch

NEWEST = 200  # batches that are watched; older ones are as they were when the page was loaded
EVERY_S, LIST_EVERY_S = 0.5, 1.0


def add_live(app: FastAPI, gateway: Gateway) -> None:
    """Add the route."""

    def batches(prefix: str) -> dict[str, Any]:
        return {view.batch: view.to_json() for view in gateway.queue.batches(NEWEST, prefix=prefix)}

    def of_all(prefix: str) -> Watch[Any]:
        """One for all whose keys have this prefix."""
        return gateway.watches.get(f"all/{prefix}", lambda: Watch(lambda: batches(prefix), records, LIST_EVERY_S))

    def of_batch(batch: str) -> Watch[Any]:
        """One for all who look at this batch."""
        return gateway.watches.get(f"one/{batch}", lambda: Watch(lambda: gateway.queue.find(batch), _record, EVERY_S))

    @app.get("/page/live", include_in_schema=False)
    async def live(
        request: Request,
        key: Reader,
        batch: Annotated[str, Query(pattern=rf"^({BATCH_PATTERN.pattern})?$")] = "",
        after: Annotated[str, Query(max_length=80)] = "",
        last_event_id: Annotated[str, Header(max_length=80)] = "",
    ) -> Response:
        if batch:
            await run_in_threadpool(found, gateway, key, batch)
        watch = of_batch(batch) if batch else of_all(key.prefix)
        told = watch.listen(last_event_id or after, SILENT_S)
        lines = _lines(told, opens_still(request))
        return StreamingResponse(lines, 200, {"X-Accel-Buffering": "no"}, "text/event-stream")


def _record(before: BatchView | None, after: BatchView | None) -> list[tuple[str, Any]]:
    if after is None:
        return [("gone", None)] if before else []
    return [("batch", after.to_json())] if after != before else []


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
        yield "".join(f"id: {one.id}\nevent: {one.type}\ndata: {json.dumps(one.data)}\n\n" for one in events) or (
            ": alive\n\n"
        )
