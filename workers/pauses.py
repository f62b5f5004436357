"""Pauses of requests to the API, begun and ended for all workers, and what this process knows of them."""

from __future__ import annotations

import structlog

from retouch.causes import PauseCause
from retouch.ledger import Reader, Worker
from workers.ledger_calls import LedgerCalls

log = structlog.get_logger()

ABANDONED_MS = 10_000  # a worker that goes on finding the cause of a pause says so every few seconds
PROBE_MS = 1000  # until the first probe of an outage; then twice as long each time


class Pauses:
    """Begins and ends pauses; says so once. Not thread-safe: used on the event loop only."""

    def __init__(self, ledger: Worker, reader: Reader, call: LedgerCalls) -> None:
        self._ledger = ledger
        self._reader = reader
        self._call = call
        self.in_force = False  # as far as this process knows: the dispatcher learns it with every claim

    async def pause(self, cause: PauseCause, reason: str, *, probe_every_s: float) -> None:
        """Stop submits for all workers; with THROTTLED and OUTAGE polls as well."""
        self.in_force = True
        if await self._call(self._ledger.pause, cause, reason, probe_every_ms=int(probe_every_s * 1000)):
            log.error("requests.paused", cause=cause, reason=reason)

    async def trouble(self, reason: str) -> None:
        """Note that the API was in trouble; several times in a row stop submits and polls for all workers."""
        if await self._call(self._ledger.trouble, reason, probe_every_ms=PROBE_MS):
            self.in_force = True
            log.error("api.outage", reason=reason, consequence="submits and polls stop, but for one probe at a time")

    async def resume(self, *causes: PauseCause, sent_ms: int | None = None) -> None:
        """End pauses, if this worker knows of any. ``sent_ms``: when the request was sent that proves it."""
        if not self.in_force:
            return
        ended = await self._call(lambda: self._ledger.resume(*causes, sent_ms=sent_ms))
        if ended:
            log.info("requests.resumed", causes=causes)

    async def abandoned(self, cause: PauseCause) -> bool:
        """Tell whether requests pause for a cause that no worker has found lately; no call while nothing pauses."""
        if not self.in_force:
            return False
        confirmed_ms = await self._call(self._reader.confirmed_ms, cause)
        return confirmed_ms is not None and confirmed_ms > ABANDONED_MS

    async def end(self, cause: PauseCause) -> None:
        """End a pause whoever began it, known to this process or not."""
        if await self._call(self._ledger.resume, cause):
            log.info("requests.resumed", causes=(cause,))
