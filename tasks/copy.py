"""Copy: take a finished edit's images from the API's links to S3, checked on the way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from retouch import object_keys
from retouch.errors import (
    BrokenResultError,
    GoneError,
    RetouchError,
    StoreRefusedError,
    UnreachableResultError,
)
from retouch.ledger import BegunPoll, Claim, Settlement
from retouch.media.copying import Output, copy
from retouch.provider.backoff import retry_delay_s
from retouch.states import EditState
from tasks.failures import note
from tasks.outcome import completed, failed
from workers.context import Context

log = structlog.get_logger()

FROM = (EditState.COPYING,)
# A cut transfer is simply repeated. For a stale link, the next attempt asks the API for new links.
# Repeated often enough, these errors fail the edit (code of the failure; number of times).
# Errors of the store or of the results' host do not count: they are retried until it works again.
FATAL: dict[type[RetouchError], str] = {GoneError: "result_gone", BrokenResultError: "broken_result"}
MAX_STRIKES = 3
MAX_LATE_MS = 24 * 3600 * 1000  # after the deadline: a host of results that is away for a day will not come back


@dataclass(frozen=True, slots=True)
class Served:
    """What the API serves of a finished edit."""

    urls: Sequence[str]
    samples: int


async def copy_results(context: Context, claim: Claim, served: Served, before: BegunPoll | None = None) -> None:
    """Copy all images of an edit in state copying, and settle it; ``before``: what earlier tries came to.

    If the worker dies in the middle, the next one writes the same objects under the same keys.
    """
    if not served.urls:
        await context.settle(failed(claim, FROM, "empty_result", "the API reports success and gives no image"))
        return
    outcomes = await _copy_all(context, claim, served.urls)
    outputs = [o for o in outcomes if isinstance(o, Output)]
    errors = [o for o in outcomes if isinstance(o, RetouchError)]
    if errors:
        await _not_copied(context, claim, errors[0], outputs, before)
    elif len(outputs) < served.samples:
        message = f"the API gave {len(outputs)} of {served.samples} images"
        await context.settle(failed(claim, FROM, "partial_result", message, outputs=outputs))
    else:
        await context.settle(completed(claim, outputs))


async def _copy_all(context: Context, claim: Claim, urls: Sequence[str]) -> list[Output | RetouchError]:
    if len(urls) == 1:  # the usual case needs no task of its own
        return [await _copy_one(context, claim, 0, urls[0])]
    return await asyncio.gather(*(_copy_one(context, claim, n, u) for n, u in enumerate(urls)))


async def _copy_one(context: Context, claim: Claim, number: int, url: str) -> Output | RetouchError:
    key_stem = object_keys.result_stem(context.settings.prefix, claim.member, number)
    try:
        return await copy(context.clients.results, context.clients.store, url, key_stem)
    except RetouchError as error:
        return error


async def _not_copied(
    context: Context, claim: Claim, error: RetouchError, outputs: Sequence[Output], before: BegunPoll | None
) -> None:
    tries, strikes = (before.tries, before.strikes) if before else (0, 0)
    if code := FATAL.get(type(error)):
        strikes += 1
        if strikes >= MAX_STRIKES:
            await context.settle(failed(claim, FROM, code, str(error), outputs=outputs))
            return
    if isinstance(error, UnreachableResultError) and _long_overdue(before):
        await context.settle(failed(claim, FROM, "result_unreachable", str(error), outputs=outputs))
        return
    if isinstance(error, StoreRefusedError):
        await context.store_watch.refused(str(error))
    delay_s = retry_delay_s(tries + 1, random.random())
    log.warning("result.not_copied", reason=str(error), retry_in_s=round(delay_s, 1))
    counts = {"tries": str(tries + 1), "strikes": str(strikes)}
    await context.settle(
        Settlement(
            claim,
            FROM,
            EditState.COPYING,
            delay_ms=int(delay_s * 1000),
            put={"note": note(error), **counts},
        )
    )


def _long_overdue(before: BegunPoll | None) -> bool:
    return before is not None and before.deadline is not None and before.now - before.deadline > MAX_LATE_MS
