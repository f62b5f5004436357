"""Signals become exceptions in the CLI and the stack: SIGTERM acts like Ctrl-C. (Workers: workers/celery.py.)"""

from __future__ import annotations

import signal
from types import FrameType


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C asked this process to end; what handles Ctrl-C handles it too."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.strsignal(number))
        self.number = number


def raise_on(*numbers: int) -> None:
    """Make these signals raise Terminated in the main thread, instead of ending the process at once.

    SIGTERM is handled even where it was inherited as ignored; other signals stay ignored then (``nohup``).
    """
    for number in numbers:
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """The exit code that shells show for a process ended by a signal: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + (interrupt.number if isinstance(interrupt, Terminated) else signal.SIGINT)


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)
