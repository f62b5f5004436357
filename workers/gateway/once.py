"""Requests with an ``Idempotency-Key``: worked on once, and answered alike for a day."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool

from retouch.errors import LedgerError
from retouch.ledger.requests import LEASE_MS, Requests
from workers.gateway.problems import Kind, ProblemError

_RENEWED_S = LEASE_MS / 3000


@dataclass
class Once:
    """A request in work. ``earlier``: what it was answered before; ``answer``: what it is answered now."""

    earlier: str = ""
    answer: str = ""


@asynccontextmanager
async def once(requests: Requests, id: str, fingerprint: str) -> AsyncIterator[Once]:
    """Work on a request unless it is worked on elsewhere (ProblemError), or was answered.

    The answer that is set within is kept. If none is, because an error is raised, the same key can be used again.
    """
    owner = secrets.token_hex(8)
    begun = await run_in_threadpool(requests.begin, id, fingerprint, owner)
    if begun.other:
        detail = "this Idempotency-Key came before with another request: take a new key for a new request"
        raise ProblemError(Kind.KEY_REUSED, detail)
    if begun.at_work:
        detail = "the first request with this Idempotency-Key is at work still: ask again in a moment"
        raise ProblemError(Kind.AT_WORK, detail, {"Retry-After": "1"})
    run = Once(begun.answer)
    if run.earlier:
        yield run
        return
    renewal = asyncio.create_task(_renew(requests, id, fingerprint, owner))
    try:
        yield run
    finally:
        renewal.cancel()
        with suppress(LedgerError):  # the lease ends, and the same request does no harm
            await run_in_threadpool(requests.end, id, owner, run.answer)


async def _renew(requests: Requests, id: str, fingerprint: str, owner: str) -> None:
    while True:
        await asyncio.sleep(_RENEWED_S)
        with suppress(LedgerError):
            await run_in_threadpool(requests.begin, id, fingerprint, owner)
