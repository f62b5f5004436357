"""When a claim's request may go: the ledger gives each a moment, on its own clock, and this process keeps to it."""

from __future__ import annotations

import asyncio
import time

from retouch.ledger import Claim

FORGET_S = 60.0  # clocks drift: an older look at the server's counts no more


class Pace:
    """Waits for the moments that the ledger gives. Not thread-safe: used on the event loop only.

    ``slack_ms``: how late a request may go; a later one gives its claim back, for another moment.
    """

    def __init__(self, slack_ms: float) -> None:
        self._slack_ms = slack_ms
        self._offset_ms = 0.0  # of the server's clock from this process's monotonic one
        self._doubt_s = float("inf")
        self._seen_at = float("-inf")

    def see(self, server_ms: int, asked_at: float) -> None:
        """Note the server's clock as a call told it that was made at ``asked_at`` (monotonic); the quickest counts."""
        now = time.monotonic()
        doubt_s = now - asked_at
        if doubt_s <= self._doubt_s or now - self._seen_at > FORGET_S:
            self._offset_ms = server_ms - 1000 * (asked_at + doubt_s / 2)
            self._doubt_s, self._seen_at = doubt_s, now

    def server_ms(self) -> float:
        """The server's clock, as far as it is known."""
        return self._offset_ms + 1000 * time.monotonic()

    async def moment(self, claim: Claim) -> bool:
        """Wait for the claim's moment; False if it is over."""
        if not claim.at_ms:
            return True
        early_ms = claim.at_ms - self.server_ms()
        if early_ms > 0:
            await asyncio.sleep(early_ms / 1000)
            return True
        return -early_ms <= self._slack_ms
