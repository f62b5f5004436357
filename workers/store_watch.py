"""Checks that results can be written to the store before edits are submitted."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from retouch import object_keys
from retouch.causes import PauseCause
from retouch.errors import StoreError, StoreRefusedError
from retouch.media.store import Store
from workers.pauses import Pauses

log = structlog.get_logger()

EVERY_S = 2.0


class StoreWatch:
    """Checks the store until it accepts an object: at the start, after a refusal, and for a worker that is gone.

    A worker that still meets the refusal confirms its pause with each check, and no other worker ends it.

    ``prefix`` stands before every key.
    """

    def __init__(self, store: Store, prefix: str, pauses: Pauses) -> None:
        self._store = store
        self._key = object_keys.probe(prefix)
        self._pauses = pauses
        self._good = False
        self.looked = asyncio.Event()  # the store was asked once: submits may begin

    async def run(self) -> None:
        """Check the store, every two seconds while there is a reason, until cancelled."""
        while True:
            if not self._good or await self._pauses.abandoned(PauseCause.STORE):
                await self._check()
                self.looked.set()
            await asyncio.sleep(EVERY_S)

    async def refused(self, reason: str) -> None:
        """A put was refused: no edit is sent to be paid for while its result could not be kept."""
        self._good = False
        await self._pauses.pause(PauseCause.STORE, reason, probe_every_s=0)

    async def _check(self) -> None:
        try:
            await self._store.put(self._key, b"", "application/octet-stream")
            with suppress(StoreError):  # a role that may only put is enough for results
                await self._store.delete(self._key)
        except StoreRefusedError as error:
            await self._pauses.pause(PauseCause.STORE, str(error), probe_every_s=0)
        except StoreError as error:
            log.warning("store.unavailable", reason=str(error))
        else:
            self._good = True
            await self._pauses.end(PauseCause.STORE)
