"""When a claim's request may be sent: the ledger gives each a slot, by its own clock; this process waits for it."""

from __future__ import annotations

import asyncio

from retouch.ledger import Claim
from workers.server_clock import ServerClock


class Pacer:
    """Waits for the moments that the ledger gives.

    ``slack_ms``: how late a request may go; a later one gives its claim back, for another moment.
    """

    def __init__(self, clock: ServerClock, slack_ms: float) -> None:
        self._clock = clock
        self._slack_ms = slack_ms

    async def moment(self, claim: Claim) -> bool:
        """Wait for the claim's moment; False if it is over."""
        if not claim.at_ms:
            return True
        early_ms = claim.at_ms - self._clock.now_ms()
        if early_ms > 0:
            await asyncio.sleep(early_ms / 1000)
            return True
        return -early_ms <= self._slack_ms
