"""What a stretch of work cost: edits by the stand-in's counts, CPU and memory by the kernel's."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import psutil

from retouch.errors import ServiceError
from scripts.benchmark.stage import descendants
from scripts.benchmark.standin import CALLS, POLLS
from workers.stack.child import Child, DiedError
from workers.stack.ports import LOOPBACK

EVERY_S = 0.1
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
STALLED_S = 30.0  # no call for that long: whatever is measured is stuck


@dataclass(frozen=True, slots=True)
class Moment:
    """What had happened by one moment. Seconds; ``cpu_s`` is user and system time since the process began.

    ``polls``: status requests that came too early, which are not among the ``calls``.
    """

    at_s: float
    calls: int
    cpu_s: Mapping[str, float]
    polls: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of steady work. CPU in ms an edit, of the worker alone and of the processes beside it."""

    edits: float
    seconds: float
    cpu_ms: float
    beside_ms: Mapping[str, float]
    peak_mib: float

    @property
    def per_second(self) -> float:
        """Edits finished a second."""
        return self.edits / self.seconds

    @classmethod
    def between(cls, start: Moment, end: Moment, peak_bytes: int, measured: str = "worker") -> Stretch:
        """What lies between two moments. Four calls are an edit's worth, whichever edits they belong to.

        Raises ServiceError if nothing happened in between.
        """
        edits = (end.calls - start.calls) / len(CALLS)
        if edits <= 0:
            raise ServiceError("everything was over before it could be measured: take more edits")
        # The kernel counts CPU in ticks: what took less than one, as a short stretch may, took at most one.
        spent_s = {name: max(end.cpu_s[name] - start.cpu_s[name], TICK_S) for name in end.cpu_s}
        cost = {name: 1000 * spent / edits for name, spent in spent_s.items()}
        own = cost.pop(measured)
        return cls(edits, end.at_s - start.at_s, own, cost, peak_bytes / 2**20)


class Meter:
    """Watches processes by name, with all that they have started; ``worker`` is what is measured, others are beside it.

    What a process starts later is seen after ``look_again``. A context manager: it holds a connection to the stand-in.
    """

    def __init__(self, port: int, processes: Mapping[str, Sequence[Child]]) -> None:
        self._standin = HTTPConnection(LOOPBACK, port, timeout=10)
        self._children = processes
        self.peak_bytes = 0
        self.look_again()

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *_: object) -> None:
        self._standin.close()

    def look_again(self) -> None:
        """Find the processes that were started since; raises DiedError if one has ended."""
        self.check()
        self._processes = {
            name: [p for child in group for p in (psutil.Process(child.pid), *descendants(child))]
            for name, group in self._children.items()
        }

    def check(self) -> None:
        """Raise DiedError if a process has ended."""
        for group in self._children.values():
            for child in group:
                child.check()

    def ask(self, path: str) -> dict[str, Any]:
        """What the stand-in answers: ``/counts`` of calls, ``/log`` of edits, nothing to ``/hold``."""
        self._standin.request("GET", path)
        body = self._standin.getresponse().read()
        answer: dict[str, Any] = json.loads(body) if body else {}
        return answer

    def moment(self) -> Moment:
        """Take everything down; raises DiedError if a process that was seen is gone."""
        counts = self.ask("/counts")
        try:
            cpu = {name: sum(_cpu_s(p) for p in group) for name, group in self._processes.items()}
            self.peak_bytes = max(self.peak_bytes, self._resident_bytes())
        except psutil.NoSuchProcess as error:
            raise DiedError(f"a process ended unexpectedly: {error.pid}") from None
        return Moment(time.monotonic(), sum(counts.get(call, 0) for call in CALLS), cpu, counts.get(POLLS, 0))

    def resident_mib(self) -> float:
        """Memory of the worker now, all its processes together."""
        return self._resident_bytes() / 2**20

    def _resident_bytes(self) -> int:
        group = self._processes["worker"]
        return _resident_bytes(group[0]) if len(group) == 1 else sum(_proportional_bytes(p) for p in group)

    def wait_for(self, calls: int) -> Moment:
        """The first moment at which ``calls`` calls were answered.

        Raises DiedError if a process ends before, ServiceError if the calls stop for STALLED_S.
        """
        last = self.moment()
        moved_at_s = last.at_s
        while last.calls < calls:
            self.check()
            time.sleep(EVERY_S)
            now = self.moment()
            if now.calls != last.calls:
                moved_at_s = now.at_s
            elif now.at_s - moved_at_s > STALLED_S:
                raise ServiceError(f"nothing moved for {STALLED_S:g} s after {now.calls} of {calls} calls")
            last = now
        return last

    def wait_posts(self, posts: int, most_s: float) -> int:
        """Wait until so many edits are at the API, but for ``most_s`` seconds only; returns how many are."""
        end_s = time.monotonic() + most_s
        while (there := int(self.ask("/counts").get("post", 0))) < posts and time.monotonic() < end_s:
            self.check()
            time.sleep(EVERY_S)
        return there

    def watch(self, seconds: float) -> tuple[Moment, Moment]:
        """The moments at the beginning and at the end of so many seconds; raises DiedError."""
        begin = self.moment()
        while time.monotonic() < begin.at_s + seconds:
            time.sleep(EVERY_S)
            self.check()
        return begin, self.moment()


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _resident_bytes(process: psutil.Process) -> int:
    return int(process.memory_info().rss)


def _proportional_bytes(process: psutil.Process) -> int:
    """What is shared with other processes is divided among them: forks would be counted many times."""
    return int(getattr(process.memory_full_info(), "pss", 0)) or _resident_bytes(process)
