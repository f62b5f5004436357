"""Every process that tests start themselves: signals as by default, an end with the tests, waits with a limit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from tests.harness.waiting import LIMIT_S
from workers.stack.child import ROOT, leashed

LAUNCHER = Path(__file__).with_name("launcher.py")
RETOUCH = Path(sys.executable).with_name("retouch")  # the command line, as it is installed
Command = Sequence[str | Path]


class Ended(NamedTuple):
    """How a process ended, and what it had written."""

    code: int
    out: str
    err: str


def launch(command: Command, **options: Any) -> subprocess.Popen[Any]:
    """Start a command as ``subprocess.Popen`` does; it ends with the thread that starts it, however that ends."""
    chosen: dict[str, Any] = {"cwd": ROOT, "stdin": subprocess.DEVNULL, **options}
    return subprocess.Popen[Any](leashed([sys.executable, "-IS", LAUNCHER, *command]), **chosen)


def run(command: Command, *, env: Mapping[str, str] | None = None, within_s: float = LIMIT_S) -> Ended:
    """Run a command in the root of the checkout to its end; raises TimeoutError."""
    with Process(command, env=env) as process:
        return process.end(within_s)


class Lines:
    """What a process writes into a pipe, by lines, read as it comes."""

    def __init__(self, stream: IO[str], name: str) -> None:
        self._name = name
        self._lines: list[str] = []
        self._next = 0
        self._closed = False
        self._changed = threading.Condition()
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    @property
    def text(self) -> str:
        """All that was written."""
        with self._changed:
            return "".join(self._lines)

    def line(self, word: str = "", within_s: float = LIMIT_S) -> str:
        """The next line with ``word`` in it; raises TimeoutError, or AssertionError if the pipe is closed before."""
        with self._changed:
            found = self._changed.wait_for(lambda: self._find(word) or self._closed, within_s)
            if isinstance(found, str):
                return found
        waited = f"no line with {word!r} on {self._name}"
        if found:
            raise AssertionError(f"{waited} until its end; written: {self.text[-3000:]}")
        raise TimeoutError(f"{waited} within {within_s:g} s; written: {self.text[-3000:]}")

    def rest(self, within_s: float = LIMIT_S) -> str:
        """The lines not given out yet, when nobody holds the other end of the pipe any more; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed, within_s):
                raise TimeoutError(f"{self._name} is still open after {within_s:g} s; written: {self.text[-3000:]}")
            first, self._next = self._next, len(self._lines)
            return "".join(self._lines[first:])

    def _find(self, word: str) -> str | None:
        while self._next < len(self._lines):
            self._next += 1
            if word in self._lines[self._next - 1]:
                return self._lines[self._next - 1]
        return None

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        stream.close()
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Process:
    """A command in a process group of its own. A context manager, at whose end the whole group is killed.

    ``cwd``: where it runs. ``out`` and ``err`` are what it writes; with ``merged`` all of it comes in ``out``.
    """

    def __init__(
        self, command: Command, *, env: Mapping[str, str] | None = None, cwd: Path = ROOT, merged: bool = False
    ) -> None:
        self.name = " ".join(map(str, command))[:200]
        error = subprocess.STDOUT if merged else subprocess.PIPE
        self._popen = launch(
            command,
            env=env,
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=error,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.pid = self._popen.pid
        assert self._popen.stdout
        self.out = self.err = Lines(self._popen.stdout, f"stdout of {self.name}")
        if self._popen.stderr:
            self.err = Lines(self._popen.stderr, f"stderr of {self.name}")

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.signal(signal.SIGKILL, group=True)
        self._popen.wait(LIMIT_S)

    def signal(self, number: int, *, group: bool = False) -> None:
        """Send a signal to the process, or, as a terminal does, to its group; harmless if it has ended."""
        with suppress(ProcessLookupError):
            if group:
                os.killpg(self.pid, number)
            else:
                self._popen.send_signal(number)

    def end(self, within_s: float = LIMIT_S) -> Ended:
        """Wait for its end; raises TimeoutError, with what was written."""
        try:
            code = self._popen.wait(within_s)
        except subprocess.TimeoutExpired:
            written = f"{self.out.text[-3000:]}\n{self.err.text[-3000:]}"
            raise TimeoutError(f"{self.name} has not ended within {within_s:g} s; written: {written}") from None
        out = self.out.rest(within_s)
        return Ended(code, out, "" if self.err is self.out else self.err.rest(within_s))
