"""One child process of the stack: it ends when this process ends; its output goes to a log file."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from retouch.errors import ServiceError

ROOT = Path(__file__).resolve().parents[2]  # of the checkout: where ``-m workers`` can be imported
LEASH = Path(__file__).with_name("leash.py")
READY_DEADLINE_S = 60.0  # generous: a cold disk reads 150 MB of SeaweedFS first
_POLL_S = 0.03
_FOREIGN = ("AWS_", "CELERY_", "RETOUCH_")
# Settings that change how work is done, and not where, for whom or with which secret.
_TRIED = frozenset(
    f"RETOUCH_{name}"
    for name in (
        *("API_IDEMPOTENT", "ON_AMBIGUOUS", "RESUBMITS", "MAX_IN_FLIGHT", "RATE_LIMIT", "SUBMIT_RATE", "POLL_RATE"),
        *("POLL_MIN", "POLL_MAX", "POLL_LAG", "PATIENCE", "LEASE", "DEADLINE", "RETENTION", "PRICE", "DEBUG"),
        *("RESULTS_PARQUET", "GATEWAY_MAX_BODY", "DAILY_BUDGET", "JOURNAL"),
    )
)

T = TypeVar("T")


class DiedError(ServiceError):
    """A child ended when it should not have; the message names it and ends with the tail of its log."""


class Child:
    """A process that is started, awaited and ended, and that never outlives this one.

    ``name`` is how people know it, ``log`` the file that its output is appended to.
    """

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def launch(self, command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> None:
        """Start the process and return at once.

        It gets a process group of its own: Ctrl-C reaches only the owner, who ends its children in order.
        """
        assert not self.running, f"{self.name} is running already"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                leashed(command),
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
            )

    @property
    def pid(self) -> int:
        """The process id; only while started."""
        assert self._process is not None, f"{self.name} is not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Tell whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def wait_until(self, ready: Callable[[], T | None], deadline_s: float = READY_DEADLINE_S) -> T:
        """Return ``ready()`` as soon as it gives something; it is asked again and again.

        Raises DiedError if the process ends first, ServiceError after ``deadline_s`` seconds.
        """
        end = time.monotonic() + deadline_s
        while True:
            self.check()
            answer = ready()
            if answer is not None:
                return answer
            if time.monotonic() > end:
                raise ServiceError(f"{self.name} was not ready within {deadline_s:.0f} s{self._tail()}")
            time.sleep(_POLL_S)

    def check(self) -> None:
        """Raise DiedError unless the process is alive."""
        if not self.running:
            raise DiedError(f"{self.name} ended unexpectedly ({self.how_it_ended()}){self._tail()}")

    def how_it_ended(self) -> str:
        """Return ``exit code 1``, or ``SIGKILL`` if that ended it; only once it has ended."""
        assert self._process is not None, f"{self.name} was not started"
        code = self._process.returncode
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name

    @property
    def ended_well(self) -> bool:
        """Tell whether the process has ended with exit code 0: it was asked to."""
        return self._process is not None and self._process.poll() == 0

    def ask_to_stop(self) -> None:
        """Send SIGTERM and return at once; harmless if it has ended."""
        if self._process is not None:
            self._process.terminate()

    def stop(self, grace_s: float) -> None:
        """End the process with SIGTERM, after ``grace_s`` seconds with SIGKILL; harmless if it has ended."""
        if self._process is None:
            return
        self.ask_to_stop()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process with SIGKILL; harmless if it has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def output(self) -> str:
        """Return what the process has written since it was launched."""
        try:
            with self.log.open("rb") as log:
                log.seek(self._log_start)
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def _tail(self, lines: int = 12) -> str:
        tail = self.output().strip().splitlines()[-lines:]
        return "".join(f"\n    {line[:300]}" for line in [f"the end of {self.log}:", *tail])


def leashed(command: Sequence[str | Path]) -> list[str | Path]:
    """Return the command in a form that dies with this process, or rather with the thread that starts it."""
    return [sys.executable, "-IS", LEASH, str(os.getpid()), *command]


def keep_secret(path: Path, make: Callable[[], str] = lambda: secrets.token_hex(20)) -> str:
    """Return the secret kept in ``path``, which only its owner can read; make one up if there is none."""
    if not path.exists():
        write_private(path, make())
    return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # an old file would keep its mode
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def clean_environment(**values: str) -> dict[str, str]:
    """Return this process's environment with ``values``, and without any setting that leads away from the stack.

    A person's AWS profile, API key or webhook is not the stack's, nor are Celery's options; limits may be tried.
    """
    kept = {name: value for name, value in os.environ.items() if name in _TRIED or not name.startswith(_FOREIGN)}
    return kept | values


def left_out(environment: Collection[str]) -> list[str]:
    """The settings of Retouch that this process has and the stack does not take; it has those of ``environment``."""
    ours = (name for name in os.environ if name.startswith("RETOUCH_") and name not in _TRIED)
    return sorted(name for name in ours if name not in environment)
