"""That this worker lives, for others to see."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog

from retouch.ledger import Worker
from workers import health
from workers.ledger_calls import LedgerCalls
from workers.store_watch import StoreWatch

log = structlog.get_logger()

EVERY_S = 2.0


class Presence:
    """Shows the worker in the ledger and to the health check; each time it has the store looked at as well."""

    def __init__(self, name: str, sinks: Iterable[str], ledger: Worker, call: LedgerCalls, watch: StoreWatch) -> None:
        self._name = name
        self._sinks = sinks
        self._ledger = ledger
        self._call = call
        self._watch = watch

    async def run(self) -> None:
        """Be seen every two seconds until cancelled."""
        while True:
            health.beat()
            await self._call(self._ledger.see_worker, self._name, self._sinks)
            await self._watch.look()
            await asyncio.sleep(EVERY_S)

    async def leave(self) -> None:
        """Be gone at once rather than after a while; best effort, since silence says the same."""
        health.end()
        try:
            await asyncio.wait_for(asyncio.to_thread(self._ledger.forget_worker, self._name), 2)
        except Exception as error:
            log.debug("presence.not_removed", reason=str(error))
