"""Signals become exceptions in the CLI and the stack: SIGTERM acts like Ctrl-C. (Workers: workers/celery.py.)"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

# Longer than an unraisable hook takes: a signal that is raised again inside it would be dropped for good.
AGAIN_AFTER_S = 0.05


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C asked this process to end; what handles Ctrl-C handles it too."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.strsignal(number))
        self.number = number


def raise_on(*numbers: int) -> None:
    """Make these signals raise Terminated in the main thread, instead of ending the process at once.

    SIGTERM is handled even where it was inherited as ignored; other signals stay ignored then (``nohup``).
    """
    _raise_dropped_again()
    for number in numbers:
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """The exit code that shells show for a process ended by a signal: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + (interrupt.number if isinstance(interrupt, Terminated) else signal.SIGINT)


def _raise_dropped_again() -> None:
    """Let no signal be lost that arrived in a ``__del__`` or a weak reference's callback.

    Python drops what is raised there (``sys.unraisablehook``), Ctrl-C included, and the command would go on.
    """
    if not hasattr(signal, "pthread_kill"):  # Windows
        return
    before = sys.unraisablehook

    def hook(dropped: sys.UnraisableHookArgs) -> None:
        if isinstance(dropped.exc_value, KeyboardInterrupt):
            number = exit_code(dropped.exc_value) - 128
            main = threading.main_thread().ident
            threading.Timer(AGAIN_AFTER_S, signal.pthread_kill, (main, number)).start()
        else:
            before(dropped)

    sys.unraisablehook = hook


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)
