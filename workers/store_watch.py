"""That the store can take results, before money is spent."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from retouch.causes import PauseCause
from retouch.errors import StoreError, StoreRefusedError
from retouch.media.store import Store
from workers.pauses import Pauses

log = structlog.get_logger()

PROBE_KEY = "_retouch/probe"  # no batch id begins with an underscore


class StoreWatch:
    """Checks the store until it takes an object, at the start and after each refusal; submits pause meanwhile.

    ``prefix`` stands before every key.
    """

    def __init__(self, store: Store, prefix: str, pauses: Pauses) -> None:
        self._store = store
        self._key = f"{prefix}{PROBE_KEY}"
        self._pauses = pauses
        self._good = False
        self.looked = asyncio.Event()  # the store was asked once: submits may begin

    async def look(self) -> None:
        """Check the store, unless it is known to be good."""
        if not self._good:
            await self._check()
            self.looked.set()

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
