"""The end of a claim, or its next state, written down; many settlements become one call."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar

import structlog

from retouch.ledger import Settled, Settlement, Worker
from workers.coalescer import Coalescer
from workers.leases import Leases
from workers.ledger_calls import LedgerCalls

log = structlog.get_logger()

AT_ONCE = 200  # settlements in one script: a few ms of Redis' time
LINGER_S = 0.01  # nothing beside an API call, and a write then carries several settlements
_counts: ContextVar[tuple[str, ...]] = ContextVar("_counts", default=())  # of the step that this task of the loop runs


class Settling:
    """Settles claims, however long Redis is away. Not thread-safe: used on the event loop only."""

    def __init__(self, ledger: Worker, call: LedgerCalls, leases: Leases) -> None:
        self._ledger = ledger
        self._call = call
        self._leases = leases
        self._write: Coalescer[Settlement, Settled] = Coalescer(self._write_many, limit=AT_ONCE, linger_s=LINGER_S)

    def count(self, *counts: str) -> None:
        """Raise these sums by one with the next settlement of this step: in the same move, and so once."""
        _counts.set((*_counts.get(), *counts))

    async def __call__(self, settlement: Settlement) -> Settled:
        """End a claim or move it on; LOST, which is false (and a log line), if another worker has it now."""
        if counts := _counts.get():
            _counts.set(())
            settlement = settlement._replace(counts=counts)
        settled = await self._write(settlement)
        if not settled:
            log.warning("claim.lost", to=settlement.to, fence=settlement.claim.fence)
        if not (settled and settlement.keep):
            self._leases.end(settlement.claim)
        return settled

    async def _write_many(self, settlements: Sequence[Settlement]) -> Sequence[Settled]:
        return await self._call(self._ledger.settle, settlements)
