"""Finish: write a batch's ``manifest.jsonl``, its table, then ``_SUCCESS``, and only then announce its end."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import Any

import structlog
from celery import shared_task

from config.celery import TASKS
from retouch import object_keys
from retouch.errors import StoreError
from retouch.ledger import PAGE, Claim, Finish, Step
from retouch.provider.backoff import retry_delay_s
from retouch.results.table import ResultsTable
from retouch.states import BatchState
from tasks.handover import Message, each, hand_over, new_nonce
from workers.context import Context

log = structlog.get_logger()

JSONL = "application/jsonl"
PARQUET = "application/vnd.apache.parquet"


@shared_task(name=TASKS[Step.FINISH])
def finish(claims: Message) -> None:
    """Take on batches that have ended."""
    hand_over(Step.FINISH, claims, finish_chunk)


async def finish_chunk(context: Context, claims: Sequence[Claim]) -> None:
    """Finish each batch of a chunk."""
    began_at = time.monotonic()
    ours = await context.call(context.ledger.worker.begin, claims, context.settings.lease_ms, nonce=new_nonce())
    context.leases.begin(ours, began_at)
    await each(context, ((claim, None) for claim in ours), _finish)


async def _finish(context: Context, claim: Claim, _: None) -> None:
    try:
        await _write_files(context, claim)
    except StoreError as error:
        context.store_watch.failed(error)
        delay_ms = int(retry_delay_s(4, random.random()) * 1000)
        log.warning("batch.not_finished", reason=str(error), retry_in_s=delay_ms / 1000)
        await context.call(
            context.ledger.worker.settle_batch, claim, Finish.AGAIN, retry_in_ms=delay_ms, note=str(error)
        )


async def _write_files(context: Context, claim: Claim) -> None:
    batch = claim.member
    store, prefix, settle = context.clients.store, context.settings.prefix, context.ledger.worker.settle_batch
    view = await context.call(context.ledger.reader.batch, batch)
    if view is None:
        return
    # A sensor must not take an older _SUCCESS for this end.
    await store.delete(object_keys.success(prefix, batch))
    if view.state is BatchState.FINISHING:
        await store.put_stream(object_keys.manifest(prefix, batch), _lines(context, batch), JSONL)
        if context.settings.results_parquet:
            await store.put_stream(object_keys.table(prefix, batch), _table(context, batch), PARQUET)
        view = await context.call(context.ledger.reader.batch, batch)
    if not context.leases.holds(claim):  # another worker's by now
        log.warning("claim.lost", before="success")
    elif view is None or view.state is not BatchState.FINISHING:  # there is work for it again
        await context.call(settle, claim, Finish.REMOVED)
    else:
        await store.put(object_keys.success(prefix, batch), b"", "application/octet-stream")
        retention_ms = context.settings.retention_ms
        if await context.call(settle, claim, Finish.WRITTEN, retention_ms=retention_ms):
            log.info("batch.completed", **{state.value: n for state, n in view.counts.items()})


async def _lines(context: Context, batch: str) -> AsyncIterator[bytes]:
    """The manifest, a page of edits at a time."""
    async for page in _pages(context, batch):
        yield b"".join(json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in page)


async def _table(context: Context, batch: str) -> AsyncIterator[bytes]:
    """The table, a row group at a time; the loop goes on while it is made."""
    table = ResultsTable(batch)
    async for page in _pages(context, batch):
        if ready := await asyncio.to_thread(table.add, page):
            yield ready
    yield await asyncio.to_thread(table.close)


async def _pages(context: Context, batch: str) -> AsyncIterator[list[dict[str, Any]]]:
    """The results, a page of edits at a time; the loop goes on while Redis is read, or awaited."""
    for first in count(0, PAGE):
        page = await context.call(context.ledger.reader.results_page, batch, first)
        if page is None:
            return
        yield page
