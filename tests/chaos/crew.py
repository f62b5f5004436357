"""Workers of the harness: forked by the nursery, seen through its words and the trace that they share."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.chaos.evidence import Record
from workers.stack.child import ROOT, leashed

LOOK_S = 0.02
T = TypeVar("T")


def until(condition: Callable[[], T], what: str, within_s: float = 30.0) -> T:
    """Return ``condition()`` as soon as it is true; raises TimeoutError naming ``what`` after ``within_s`` seconds."""
    end = time.monotonic() + within_s
    while not (answer := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within_s:g} s: {what}")
        time.sleep(LOOK_S)
    return answer


class Trace:
    """What the workers tell, read as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[Record] = []
        self._offset = 0
        path.touch()

    def read(self) -> list[Record]:
        """Everything told until now."""
        with self.path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        self.entries += [json.loads(line) for line in whole.splitlines()]
        return self.entries


class Hand:
    """One worker process."""

    def __init__(self, name: str, pid: int, trace: Trace, log: Path) -> None:
        self.name, self.pid, self.log = name, pid, log
        self._trace = trace
        self.ended = threading.Event()
        self.code: int | None = None
        self.born_at = time.monotonic()

    @property
    def ready(self) -> bool:
        """Celery said that it takes messages."""
        return any(e["do"] == "ready" and e["worker"] == self.name for e in self._trace.read())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if not self.ended.is_set():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                self.ended.wait(5)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.signal(signal.SIGKILL)
        self.ended.wait(10)


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
        self._process = subprocess.Popen(
            leashed([sys.executable, "-m", "tests.chaos.nursery"]),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def new_trace(self) -> Trace:
        """Workers that are started from now on tell into this one."""
        self._traces += 1
        self.trace = Trace(self._folder / f"trace-{self._traces}.jsonl")
        return self.trace

    def start(self, environment: dict[str, str]) -> Hand:
        """Fork a worker; returns at once, before it is ready."""
        self._count += 1
        name = f"w{self._count}"
        log = self._folder / f"{name}.log"
        env = {n: v for n, v in os.environ.items() if n in ("PATH", "HOME", "LANG", "TMPDIR")}
        env |= environment | {"CHAOS_TRACE": str(self.trace.path)}
        order = json.dumps({"name": name, "env": env, "log": str(log)}) + "\n"
        assert self._process.stdin is not None
        self._process.stdin.write(order.encode())
        self._process.stdin.flush()
        with self._changed:
            self._changed.wait_for(lambda: name in self._born, 30)
            return self._by_pid[self._born[name]]

    def alive(self) -> list[Hand]:
        """Those that have not ended."""
        return [hand for hand in self.hands if not hand.ended.is_set()]

    def kill_all(self) -> None:
        """SIGKILL for all."""
        for hand in self.alive():
            hand.signal(signal.SIGKILL)
        for hand in self.hands:
            hand.ended.wait(10)

    def logs(self) -> str:
        """Everything that the workers wrote."""
        return "".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*.log")))

    def close(self) -> None:
        """End all, and the nursery."""
        self.kill_all()
        self._process.kill()
        self._process.wait()

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
