"""A Celery worker as a child process."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from workers.stack.child import Child, clean_environment

DRAIN_GRACE_S = 15.0  # for what is in flight to settle; what does not is taken up again from the ledger


class Worker:
    """``celery -A workers worker``, which needs nothing but its environment.

    ``name`` tells it from the other workers of the same Redis.
    """

    def __init__(self, name: str, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.child = Child(f"worker {name}", log)
        self._environment = environment

    def start(self) -> None:
        """Start the worker and return when it takes work; raises ServiceError."""
        command = [sys.executable, "-m", "celery", "-A", "workers", "worker", "--hostname", f"{self.name}@%h"]
        self.child.launch(command, env=clean_environment(**self._environment))
        # Celery's own word, in the log: from then on it takes messages, and drains on SIGTERM.
        ready = re.compile(rf"\b{re.escape(self.name)}@\S+ ready\.")
        self.child.wait_until(lambda: ready.search(self.child.output()))

    def stop(self) -> None:
        """End the worker, which finishes what it has in hand first."""
        self.child.stop(DRAIN_GRACE_S)

    def kill(self) -> None:
        """End the worker with SIGKILL, as a crash would."""
        self.child.kill()

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()
