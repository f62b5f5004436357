"""The progress of a batch: its rate, the time left, and plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from retouch.cli.terminal import say
from retouch.ledger import BatchView
from retouch.states import EditState

WINDOW_S = 30.0  # the rate is measured over the last half minute
LINE_EVERY_S = 5.0


class Rate:
    """Edits ended per second over a sliding window; ``clock`` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, view: BatchView) -> None:
        """Count how many edits have ended by now."""
        now = self._clock()
        self._seen.append((now, view.ended))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_S:
            self._seen.popleft()

    @property
    def per_s(self) -> float:
        """The rate; 0 until an edit has ended (or after a retry put some back)."""
        if len(self._seen) < 2:
            return 0.0
        (t0, n0), (t1, n1) = self._seen[0], self._seen[-1]
        return max(0.0, (n1 - n0) / (t1 - t0)) if t1 > t0 else 0.0

    def left_s(self, view: BatchView) -> float | None:
        """Seconds until the other edits have ended at this rate; None if the rate is 0."""
        moving = view.total - view.ended - view.counts.get(EditState.HELD, 0)
        return moving / self.per_s if self.per_s and moving else None

    def text(self, view: BatchView) -> str:
        """``12.3/s, 1:05 left``; the time only if it is known."""
        if view.total == view.ended:
            return ""
        left_s = self.left_s(view)
        return f"{self.per_s:.1f}/s" + (f", {clock_text(left_s)} left" if left_s is not None else "")


def clock_text(seconds: float) -> str:
    """``1:05`` or ``2:00:09``."""
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"


class Progress(Protocol):
    """Shows views of one batch as they come."""

    def show(self, view: BatchView) -> None:
        """Show this view."""

    def close(self) -> None:
        """Stop, and leave the last view on the terminal."""


class Lines:
    """Plain lines: at a change, one every five seconds at most; the last view always."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rate = Rate(clock)
        self._view: BatchView | None = None
        self._said: BatchView | None = None
        self._next = 0.0

    def show(self, view: BatchView) -> None:
        """Print the view if it has changed and the last line is old enough."""
        self._rate.update(view)
        self._view = view
        if self._said != view and self._clock() >= self._next:
            self._say(view)

    def close(self) -> None:
        """Print the last view, if it was not printed."""
        if self._view and self._said != self._view:
            self._say(self._view)

    def _say(self, view: BatchView) -> None:
        self._said = view
        self._next = self._clock() + LINE_EVERY_S
        parts = [f"{view.batch}: {view.ended}/{view.total} ended", view.shown_counts, self._rate.text(view)]
        parts.append(str(view.money) if view.money else "")
        say("; ".join(part for part in parts if part))
