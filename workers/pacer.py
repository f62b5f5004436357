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

    async def wait(self, at_ms: int) -> None:
        """Wait for a moment (ms, wall clock of the Redis server; 0: now)."""
        early_ms = at_ms - self._clock.now_ms() if at_ms else 0
        if early_ms > 0:
            await asyncio.sleep(early_ms / 1000)

    def in_time(self, claim: Claim) -> bool:
        """Tell whether the claim's moment is not over. Asked right before its request is written."""
        return not claim.at_ms or self._clock.now_ms() - claim.at_ms <= self._slack_ms
