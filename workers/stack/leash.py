"""Run a command that dies with its parent: ``leash.py PARENT_PID COMMAND…``.

A wrapper that executes in place, because what runs between fork and exec in a process with threads
(``preexec_fn``) can deadlock. On Linux the kernel sends SIGKILL to the command when the *thread* that started
it ends, however it ends; so start children from a thread that lives as long as they should. SIGKILL, because
nothing is lost by it here (Valkey's log is written, a worker's claims are leases) and nothing can outlive it.
Elsewhere the command simply runs: its owner still stops it whenever it ends by itself.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Tie this process to its parent, then become the command."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):  # it died before the leash was on
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - becoming the command is the point


if __name__ == "__main__":
    main()
