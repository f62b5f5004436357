"""Signals that ask a process to end, made into exceptions: what Ctrl-C does, SIGTERM does as well."""

from __future__ import annotations

import signal
from types import FrameType


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C asked this process to end; whatever handles Ctrl-C handles it too."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.strsignal(number))
        self.number = number


def raise_on(*numbers: int) -> None:
    """Make these signals raise Terminated in the main thread, in the place of ending the process at once.

    SIGTERM is taken even where it was inherited as ignored; any other signal stays ignored there (``nohup``).
    """
    for number in numbers:
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """The exit code that shells give to a process which a signal ended: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + (interrupt.number if isinstance(interrupt, Terminated) else signal.SIGINT)


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)
