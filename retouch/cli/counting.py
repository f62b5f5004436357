"""The progress of a long command that counts something: pictures, edits. Nothing is shown of one that is quick."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from retouch.cli.terminal import say

AFTER_S = 1.0  # what ends sooner needs no progress
LINE_EVERY_S = 5.0

OnProgress = Callable[[int, int], None]


class Display(Protocol):
    """Shows how much of a total is done."""

    def show(self, done: int, total: int) -> None:
        """Show these numbers."""

    def close(self) -> None:
        """Stop, and leave the last numbers on the terminal."""


class CountLines:
    """Plain lines: one every five seconds at most, and the last numbers."""

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._clock = clock
        self._next = clock()
        self._last = self._said = (-1, -1)

    def show(self, done: int, total: int) -> None:
        """Print the numbers if the last line is old enough."""
        self._last = done, total
        if self._clock() >= self._next:
            self._next = self._clock() + LINE_EVERY_S
            self._say()

    def close(self) -> None:
        """Print the last numbers, if they were not printed."""
        if self._said != self._last:
            self._say()

    def _say(self) -> None:
        self._said = self._last
        done, total = self._last
        say(f"{self._what}: {done:,} of {total:,}")


class Counting:
    """Makes its display after a second; then it shows each pair of numbers that it is called with."""

    def __init__(self, make: Callable[[], Display], clock: Callable[[], float] = time.monotonic) -> None:
        self._make = make
        self._clock = clock
        self._shown_from = clock() + AFTER_S
        self._display: Display | None = None

    def __call__(self, done: int, total: int) -> None:
        """Take the newest numbers."""
        if self._display is None and self._clock() >= self._shown_from:
            self._display = self._make()
        if self._display:
            self._display.show(done, total)

    def close(self) -> None:
        """Leave the last numbers on the terminal."""
        if self._display:
            self._display.close()


@contextmanager
def counting(what: str) -> Iterator[OnProgress]:
    """A callback for ``done, total``, which shows them after ``what``: on a terminal as a bar, elsewhere as lines."""
    progress = Counting(lambda: _display(what))
    try:
        yield progress
    finally:
        progress.close()


def _display(what: str) -> Display:
    if not sys.stderr.isatty():
        return CountLines(what)
    from retouch.cli.bar import CountBar  # noqa: PLC0415 - rich takes a tenth of a second to load, and only a terminal needs it

    return CountBar(what)
