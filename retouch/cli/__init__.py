"""The command line: ``retouch enqueue``, ``watch``, ``status``, … stdout is for programs, stderr is for people."""

from __future__ import annotations

import signal
from typing import NoReturn

from retouch.signals import end_on


def main() -> NoReturn:
    """Run the command line, and end the process with its exit code; a signal ends it at once until a command runs."""
    end_on(signal.SIGINT, signal.SIGTERM)
    from retouch.cli import app  # noqa: PLC0415 - takes a while to load, and a signal may come meanwhile

    app.main()
