"""A Celery worker as a child process."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from workers.stack.child import Child
from workers.stack.part import Launch, Part

DRAIN_GRACE_S = 15.0  # for what is in flight to settle; what does not is taken up again from the ledger


class Worker(Part):
    """``celery -A workers worker``, which needs nothing but its environment.

    ``name`` tells it from the other workers of the same Redis.
    """

    def __init__(self, name: str, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._environment = environment
        # Celery's own word, in the log: from then on it takes messages, and drains on SIGTERM.
        self._ready_line = re.compile(rf"\b{re.escape(name)}@\S+ ready\.")
        super().__init__(Child(f"worker {name}", log), self._launching, self._said_ready, stop_grace_s=DRAIN_GRACE_S)

    def _launching(self, _ports: list[int]) -> Launch:
        command = [sys.executable, "-m", "celery", "-A", "workers", "worker", "--hostname", f"{self.name}@%h"]
        return Launch(command, self._environment)

    def _said_ready(self, _ports: list[int]) -> object | None:
        return self._ready_line.search(self.child.output())
