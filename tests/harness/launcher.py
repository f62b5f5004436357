"""Become a command whose signals do what they do by default: ``launcher.py COMMAND…``.

A process inherits which signals are ignored. A background job, ``nohup`` and some CI runners ignore SIGINT, and Python
raises KeyboardInterrupt only if SIGINT was not ignored at its start. A program that executes in place, because what
runs between fork and exec in a process with threads (``preexec_fn``) can deadlock.
"""

import os
import signal
import sys

FIXED = (signal.SIGKILL, signal.SIGSTOP)


def main() -> None:
    """Set every signal to its default and unblock it, then become the command."""
    for number in signal.valid_signals() - {*FIXED}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
