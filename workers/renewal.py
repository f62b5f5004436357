"""The renewal of leases: this process keeps the claims that it works on."""

from __future__ import annotations

import asyncio
import time

from retouch.ledger import Worker
from workers.leases import Leases
from workers.ledger_calls import LedgerCalls

AT_ONCE = 200  # claims in one script: a few ms of Redis' time


class Renewal:
    """Renews the lease of every open claim, three times in ``lease_s``."""

    def __init__(self, ledger: Worker, call: LedgerCalls, leases: Leases, lease_s: float) -> None:
        self._ledger = ledger
        self._call = call
        self._leases = leases
        self._lease_s = lease_s

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            await asyncio.sleep(self._lease_s / 3)
            claims = self._leases.open()
            asked_at = time.monotonic()
            for first in range(0, len(claims), AT_ONCE):
                page = claims[first : first + AT_ONCE]
                lost = await self._call(self._ledger.renew, page, int(self._lease_s * 1000))
                self._leases.renewed(page, lost, asked_at)
