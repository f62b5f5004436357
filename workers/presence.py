"""That this worker lives, for others to see; and that its store can take results, before money is spent."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from retouch.causes import PauseCause
from retouch.errors import StoreError, StoreUnwillingError
from workers import health

if TYPE_CHECKING:
    from workers.runtime import Runtime

log = structlog.get_logger()

EVERY_S = 2.0
PROBE_KEY = "_retouch/probe"  # no batch id begins with an underscore


class Presence:
    """Shows the worker in the ledger and to the health check, and keeps an eye on the store."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._store_good = False
        self.looked = asyncio.Event()  # the store was asked once: submits may begin

    async def run(self) -> None:
        """Be seen every two seconds until cancelled."""
        while True:
            health.beat()
            await self._runtime.patience(
                self._runtime.ledger.worker.see_worker, self._runtime.name, self._runtime.settings.sinks
            )
            if not self._store_good:
                await self._check_store()
                self.looked.set()
            await asyncio.sleep(EVERY_S)

    async def leave(self) -> None:
        """Be gone at once rather than after a while; best effort, since silence says the same."""
        health.end()
        try:
            await asyncio.wait_for(asyncio.to_thread(self._runtime.ledger.worker.forget_worker, self._runtime.name), 2)
        except Exception as error:
            log.debug("presence.not_removed", reason=str(error))

    def doubt_store(self) -> None:
        """A put was refused: check until the store takes one again."""
        self._store_good = False

    async def _check_store(self) -> None:
        runtime = self._runtime
        key = f"{runtime.settings.prefix}{PROBE_KEY}"
        try:
            await runtime.clients.store.put(key, b"", "application/octet-stream")
            with suppress(StoreError):  # a role that may only put is enough for results
                await runtime.clients.store.delete(key)
        except StoreUnwillingError as error:
            # No edit is sent to be paid for while its result could not be kept.
            await runtime.pause(PauseCause.STORE, str(error), probe_every_s=0)
        except StoreError as error:
            log.warning("store.unavailable", reason=str(error))
        else:
            self._store_good = True
            await runtime.patience(runtime.ledger.worker.resume, PauseCause.STORE)
