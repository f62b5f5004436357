"""A peer's producer: ``python -m scripts.benchmark.peers.NAME BATCH COUNT`` enqueues, and prints edits a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from scripts.benchmark.work import Work


def timed(enqueue: Callable[[Work], None]) -> None:
    """Enqueue what the command line says; starting Python and importing are not counted."""
    work = Work(sys.argv[1], int(sys.argv[2]))
    began_s = time.monotonic()
    enqueue(work)
    print(work.count / (time.monotonic() - began_s))
