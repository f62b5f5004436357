"""Signals become exceptions in the CLI and the stack: SIGTERM acts like Ctrl-C. (Workers: workers/celery.py.)"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from types import FrameType
from typing import NoReturn

# Longer than the end of an unraisable hook takes: a signal that is raised again inside it would be dropped for good.
AGAIN_AFTER_S = 0.05


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C asked this process to end; what handles Ctrl-C handles it too."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.strsignal(number))
        self.number = number


def raise_on(*numbers: int) -> None:
    """Make these signals raise Terminated (Ctrl-C: KeyboardInterrupt) in the main thread, instead of ending it at once.

    SIGTERM is handled even where it was inherited as ignored; other signals stay ignored then (``nohup``).
    """
    _raise_dropped_again()
    for number in _heeded(numbers):
        # asyncio looks for Python's own handler of Ctrl-C, and cancels what it runs then.
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else _raise)


def end_on(*numbers: int) -> None:
    """Make these signals end the process at once, with one word: while nothing is to be put in order.

    What is raised while a library is loaded, the library may take for an error of its own.
    """
    for number in _heeded(numbers):
        signal.signal(number, _end)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """The exit code that shells show for a process ended by a signal: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + (interrupt.number if isinstance(interrupt, Terminated) else signal.SIGINT)


def interrupt_of(error: BaseException) -> KeyboardInterrupt | None:
    """The signal that ended what has raised ``error``; None if none did.

    A wait of Python's own (an Event, a Future) that a signal ends at a bad moment raises RuntimeError over it ("release
    unlocked lock").
    """
    found: BaseException | None = error
    while type(found) is RuntimeError:
        found = found.__context__
    return found if isinstance(found, KeyboardInterrupt) else None


def _heeded(numbers: Iterable[int]) -> Iterable[int]:
    return (n for n in numbers if n == signal.SIGTERM or signal.getsignal(n) is not signal.SIG_IGN)


def _raise_dropped_again() -> None:
    """Let no signal be lost that arrived in a ``__del__`` or a weak reference's callback.

    Python drops what is raised there (``sys.unraisablehook``), Ctrl-C included, and the command would go on.
    """
    if not hasattr(signal, "pthread_kill"):  # Windows
        return
    before = sys.unraisablehook

    def hook(dropped: sys.UnraisableHookArgs) -> None:
        if isinstance(dropped.exc_value, KeyboardInterrupt):
            ending = threading.Event()
            number = exit_code(dropped.exc_value) - 128
            try:
                threading.Thread(target=_raise_again, args=(number, ending), daemon=True).start()
            finally:  # another signal may come while the thread starts, which takes its time under load
                ending.set()
        else:
            before(dropped)

    sys.unraisablehook = hook


def _raise_again(number: int, ending: threading.Event) -> None:
    ending.wait()
    time.sleep(AGAIN_AFTER_S)
    signal.pthread_kill(threading.main_thread().ident or 0, number)


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    try:
        os.write(2, b"interrupted\n")  # what prints may be in the middle of a line itself
    finally:
        os._exit(128 + number)
