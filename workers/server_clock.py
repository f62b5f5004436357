"""The Redis server's clock, as this process knows it: one clock for all workers."""

from __future__ import annotations

import time

FORGET_S = 60.0  # clocks drift: an older measurement is replaced by any newer one


class ServerClock:
    """The server's clock. Not thread-safe: used on the event loop only."""

    def __init__(self) -> None:
        self._offset_ms = 0.0  # of the server's clock from this process's monotonic one
        self._doubt_s = float("inf")
        self._seen_at = float("-inf")

    def see(self, server_ms: int, asked_at: float) -> None:
        """Record the server's time from a call made at ``asked_at`` (monotonic); the shortest round trip is kept."""
        now = time.monotonic()
        doubt_s = now - asked_at
        if doubt_s <= self._doubt_s or now - self._seen_at > FORGET_S:
            self._offset_ms = server_ms - 1000 * (asked_at + doubt_s / 2)
            self._doubt_s, self._seen_at = doubt_s, now

    def now_ms(self) -> float:
        """The server's clock, in ms since 1970, as far as it is known."""
        return self._offset_ms + 1000 * time.monotonic()
