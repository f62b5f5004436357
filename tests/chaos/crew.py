"""Workers of the harness: forked by the nursery, seen through its words and the trace that they share."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from subprocess import PIPE

from tests.harness.growing import Growing, Record
from tests.harness.processes import launch
from tests.harness.waiting import LIMIT_S


class Hand:
    """One worker process."""

    def __init__(self, name: str, pid: int, trace: Growing, log: Path) -> None:
        self.name, self.pid, self.log = name, pid, log
        self.fuse = fuse_of(log)
        self._trace = trace
        self.ended = threading.Event()
        self.code: int | None = None
        self.born_at = time.monotonic()

    @property
    def ready(self) -> bool:
        """Celery said that it takes messages."""
        return any(entry["do"] == "ready" for entry in self.told())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if not self.ended.is_set():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                self.end()

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.signal(signal.SIGKILL)
        self.end()

    def end(self) -> None:
        """Wait for its end; raises TimeoutError."""
        if not self.ended.wait(LIMIT_S):
            raise TimeoutError(f"{self.name} has not ended within {LIMIT_S:g} s; its log: {self.written()[-3000:]}")

    def killed_at(self) -> float:
        """When it came to the point at which it was to die, on the monotonic clock; only once it has."""
        return next(float(e["t"]) for e in self.told() if e["do"] == "killed")

    def told(self) -> list[Record]:
        """What it has told in the trace."""
        return [entry for entry in self._trace.read() if entry["worker"] == self.name]

    def arm(self) -> None:
        """Let it die the next time that it comes to its point; before this it passes by."""
        self.fuse.touch()

    def written(self) -> str:
        """Its log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Nursery:
    """The process that forks workers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._traces = 0
        self.hands: list[Hand] = []
        self._by_pid: dict[int, Hand] = {}
        self._born: dict[str, int] = {}
        self._changed = threading.Condition()
        self._count = 0
        self._process = launch(
            [sys.executable, "-m", "tests.chaos.nursery"],
            stdin=PIPE,
            stdout=PIPE,
            process_group=0,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def new_trace(self) -> Growing:
        """Workers that are started from now on tell into this one."""
        self._traces += 1
        self.trace = Growing(self._folder / f"trace-{self._traces}.jsonl")
        return self.trace

    def start(self, environment: dict[str, str]) -> Hand:
        """Fork a worker; returns at once, before it is ready."""
        self._count += 1
        name = f"w{self._count}"
        log = self._folder / f"{name}.log"
        env = {n: v for n, v in os.environ.items() if n in ("PATH", "HOME", "LANG", "TMPDIR")}
        env |= environment | {"CHAOS_TRACE": str(self.trace.path), "CHAOS_FUSE": str(fuse_of(log))}
        order = json.dumps({"name": name, "env": env, "log": str(log)}) + "\n"
        assert self._process.stdin is not None
        self._process.stdin.write(order.encode())
        self._process.stdin.flush()
        with self._changed:
            if not self._changed.wait_for(lambda: name in self._born, LIMIT_S):
                raise TimeoutError(f"{name} was not forked within {LIMIT_S:g} s; last forked: {list(self._born)[-1:]}")
            return self._by_pid[self._born[name]]

    def alive(self) -> list[Hand]:
        """Those that have not ended."""
        return [hand for hand in self.hands if not hand.ended.is_set()]

    def kill_all(self) -> None:
        """SIGKILL for all."""
        for hand in self.alive():
            hand.signal(signal.SIGKILL)
        for hand in self.hands:
            hand.end()

    def logs(self) -> str:
        """Everything that the workers wrote."""
        return "".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*.log")))

    def close(self) -> None:
        """End all, and the nursery."""
        self.kill_all()
        self._process.kill()
        self._process.wait(LIMIT_S)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            with self._changed:
                if "born" in told:
                    pid, name = told["born"], told["name"]
                    hand = Hand(name, pid, self.trace, self._folder / f"{name}.log")
                    self.hands.append(hand)
                    self._by_pid[pid] = hand
                    self._born[name] = pid
                else:
                    hand = self._by_pid[told["dead"]]
                    hand.code = told["code"]
                    hand.ended.set()
                self._changed.notify_all()


def fuse_of(log: Path) -> Path:
    """The file whose being there arms a worker (``Hand.arm``)."""
    return log.with_suffix(".fuse")
