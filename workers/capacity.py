"""How much one process takes on at a time."""

from __future__ import annotations

import threading


class Capacity:
    """Counts open work across threads; the last to come in may overfill it, the next one waits."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._changed = threading.Condition()
        self._closed = False

    @property
    def free(self) -> int:
        """How much more fits, at least 0."""
        return max(0, self._limit - self._used)

    def enter(self, amount: int, *, wait: bool) -> bool:
        """Take ``amount`` of room; with ``wait``, blocks while it is full. False: not taken."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._used < self._limit or self._closed)
            if self._closed or self._used >= self._limit:
                return False
            self._used += amount
            return True

    def leave(self, amount: int) -> None:
        """Give room back."""
        with self._changed:
            self._used -= amount
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody in any more, those who wait included."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
