"""Log lines are written by a separate thread: a log collector that stalls does not delay edits.

``logging.handlers.QueueListener`` does this for records of ``logging`` alone; structlog's lines, and what libraries
print to ``sys.stderr``, are texts.
"""

from __future__ import annotations

import io
import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TextIO

LINGER_S = 0.05  # so that a write carries many lines: one for each would be a twentieth of an edit's CPU
MOST_WAITING = 10_000  # texts, some MB; what comes beyond is counted and dropped


class LogStream(io.TextIOBase):
    """A stream that takes text and never blocks; a daemon thread writes it to ``target``, in order."""

    def __init__(self, target: TextIO) -> None:
        self._target = target
        self._waiting: SimpleQueue[str | Event] = SimpleQueue()
        self._dropped = 0
        Thread(target=self._run, name="log", daemon=True).start()

    def write(self, text: str) -> int:
        """Take a text, a line as a rule."""
        if self._waiting.qsize() < MOST_WAITING:
            self._waiting.put(text)
        else:
            self._dropped += 1
        return len(text)

    def flush(self) -> None:
        """Nothing: whoever logs need not wait. See ``drain``."""

    def drain(self, timeout_s: float = 1.0) -> bool:
        """Wait until all lines so far are written; False if the target does not take them in time."""
        written = Event()
        self._waiting.put(written)
        return written.wait(timeout_s)

    def _run(self) -> None:
        while True:
            first = self._waiting.get()
            if isinstance(first, str):
                time.sleep(LINGER_S)
            parts = [first]
            with suppress(Empty):
                while True:
                    parts.append(self._waiting.get_nowait())
            with suppress(OSError, ValueError):  # nobody reads it any more, or it was closed
                self._target.write("".join(part for part in parts if isinstance(part, str)) + self._loss())
                self._target.flush()
            for part in parts:
                if isinstance(part, Event):
                    part.set()

    def _loss(self) -> str:
        dropped, self._dropped = self._dropped, 0
        return f'{{"event": "log.lines_dropped", "lines": {dropped}, "level": "warning"}}\n' if dropped else ""
