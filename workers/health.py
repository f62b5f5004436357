"""Is this worker alive? ``python -m workers.health`` exits 0 while a worker runs on this machine, else 1.

The answer does not depend on Redis: an outage of Redis is no reason to restart workers.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

FRESH_S = 30.0  # a loop beats every 2 s


def _folder() -> Path:
    """Of the user that this process runs as: ``--uid`` changes it after the imports."""
    return Path(tempfile.gettempdir()) / f"retouch-{os.getuid()}"


def _own_file() -> Path:
    return _folder() / f"{os.getpid()}.alive"


def beat() -> None:
    """Record that this process's event loop is running."""
    _folder().mkdir(mode=0o700, exist_ok=True)
    _own_file().touch()


def end() -> None:
    """Show that this process has ended."""
    _own_file().unlink(missing_ok=True)


def alive() -> bool:
    """Tell whether any worker of this user on this machine has sent a heartbeat recently."""
    now = time.time()
    return any(now - path.stat().st_mtime < FRESH_S for path in _folder().glob("*.alive"))


if __name__ == "__main__":
    sys.exit(0 if alive() else 1)
