"""Copy: take a finished edit's images from the API's links to S3, checked on the way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import urlsplit

import structlog

from retouch import object_keys
from retouch.causes import FailureCode, Fared
from retouch.errors import (
    BrokenResultError,
    GoneError,
    RetouchError,
    StoreError,
    UnreachableResultError,
)
from retouch.ledger import BegunPoll, Claim, Seen, Settled, Settlement, Strike
from retouch.media.copying import Output, copy
from retouch.provider.backoff import RETRY_CAP_S, retry_delay_s
from retouch.states import EditState
from tasks.failures import WORDS_LENGTH, error_json, note, refused_delay_s
from tasks.outcome import completed, failed, outputs_json
from workers.context import Context

log = structlog.get_logger()

FROM = (EditState.COPYING,)
# A cut transfer is simply repeated. For a stale link, the next attempt asks the API for new links.
# These errors, often enough while other results of the same host are fetched, fail the edit (with this code). Errors of
# the store or of a host that is away do not: they are retried until it works again.
STRIKES: dict[type[RetouchError], FailureCode] = {
    GoneError: FailureCode.RESULT_GONE,
    BrokenResultError: FailureCode.BROKEN_RESULT,
}
STORE = "store"
MAX_LATE_MS = 24 * 3600 * 1000  # after the deadline: a host of results that is away for a day will not come back


class Served(NamedTuple):
    """What the API serves of a finished edit, and which of it the API says it has filtered (empty: it does not say)."""

    urls: Sequence[str]
    samples: int
    filtered: Sequence[bool] = ()


async def copy_results(context: Context, claim: Claim, served: Served, before: BegunPoll | None = None) -> None:
    """Copy all images of an edit in state copying, and settle it; ``before``: what earlier tries came to.

    If the worker dies in the middle, the next one writes the same objects under the same keys.
    """
    if not served.urls:
        await context.settle(
            failed(claim, FROM, FailureCode.EMPTY_RESULT, "the API reports success and gives no image")
        )
        return
    sent_ms = int(context.clock.now_ms())
    with context.store_watch.copying():
        outcomes = await _copy_all(context, claim, served)
    outputs = [o for o in outcomes if isinstance(o, Output)]
    errors = [(url, o) for url, o in zip(served.urls, outcomes, strict=True) if isinstance(o, RetouchError)]
    good = {_fetch_kind(u): sent_ms for u, o in zip(served.urls, outcomes, strict=True) if isinstance(o, Output)}
    if outputs:
        context.store_watch.succeeded()
        good[STORE] = sent_ms
    if errors:
        await _not_copied(context, claim, Failure(*errors[0], sent_ms, outputs, good), before)
    elif len(outputs) < served.samples:
        message = f"the API gave {len(outputs)} of {served.samples} images"
        await context.settle(failed(claim, FROM, FailureCode.PARTIAL_RESULT, message, outputs=outputs, good=good))
    else:
        await context.settle(completed(claim, outputs, good))


async def _copy_all(context: Context, claim: Claim, served: Served) -> list[Output | RetouchError]:
    urls = served.urls
    if len(urls) == 1:  # the usual case needs no task of its own
        outcomes = [await _copy_one(context, claim, 0, urls[0])]
    else:
        outcomes = await asyncio.gather(*(_copy_one(context, claim, n, u) for n, u in enumerate(urls)))
    if any(served.filtered):
        return [_filtered(*pair) for pair in zip(outcomes, served.filtered, strict=True)]
    return outcomes


def _filtered(outcome: Output | RetouchError, filtered: bool) -> Output | RetouchError:
    return replace(outcome, filtered=True) if filtered and isinstance(outcome, Output) else outcome


async def _copy_one(context: Context, claim: Claim, number: int, url: str) -> Output | RetouchError:
    key_stem = object_keys.result_stem(context.settings.prefix, claim.member, number)
    try:
        return await copy(context.clients.results, context.clients.store, url, key_stem)
    except RetouchError as error:
        return error


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that was not copied, and what was."""

    url: str
    error: RetouchError
    sent_ms: int
    outputs: Sequence[Output]
    good: dict[str, int]


async def _not_copied(context: Context, claim: Claim, failure: Failure, before: BegunPoll | None) -> None:
    error, tries = failure.error, before.tries if before else 0
    if isinstance(error, UnreachableResultError) and _long_overdue(before):
        await context.settle(
            failed(claim, FROM, FailureCode.RESULT_UNREACHABLE, str(error), outputs=failure.outputs, good=failure.good)
        )
        return
    if isinstance(error, StoreError):
        context.store_watch.failed(error)
    kind = STORE if isinstance(error, StoreError) else _fetch_kind(failure.url)
    code = STRIKES.get(type(error))
    overdue = before is not None and before.deadline is not None and before.now >= before.deadline
    strike = Strike(kind, context.settings.patience_ms, last=overdue and before is not None and before.overdue)
    delay_s = retry_delay_s(tries + 1, random.random())
    if code:
        delay_s = refused_delay_s(before.strikes if before else 0, context.settings.patience, RETRY_CAP_S)
    log.warning("result.not_copied", reason=str(error), retry_in_s=round(delay_s, 1))
    settled = await context.settle(
        Settlement(
            claim,
            FROM,
            EditState.COPYING,
            delay_ms=int(delay_s * 1000),
            good=failure.good,
            seen=(Seen(kind, failure.sent_ms, Fared.FAILED, str(error)[:WORDS_LENGTH]),),
            strike=strike if code else None,
            put={"note": note(error), "tries": str(tries + 1)} | ({"overdue": "1"} if overdue and code else {}),
            outputs=outputs_json(failure.outputs),
            error=error_json(code, str(error)) if code else None,
        )
    )
    if settled is Settled.STRUCK_OUT:
        log.warning("edit.failed", code=code, reason=str(error))


def _fetch_kind(url: str) -> str:
    """The kind of request that fetches from the link's host; how others of that host fare is what counts."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    return f"fetch:{host[:100] if host.isascii() else ''}"


def _long_overdue(before: BegunPoll | None) -> bool:
    return before is not None and before.deadline is not None and before.now - before.deadline > MAX_LATE_MS
