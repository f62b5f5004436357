"""What a stretch of work cost: edits by the stand-in's counts, CPU and memory by the kernel's."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection

import psutil

from retouch.errors import ServiceError
from scripts.benchmark.standin import CALLS
from workers.stack.child import Child
from workers.stack.ports import LOOPBACK

EVERY_S = 0.1
STALLED_S = 30.0  # no call for that long: whatever is measured is stuck


@dataclass(frozen=True, slots=True)
class Moment:
    """What had happened by one moment. Seconds; ``cpu_s`` is user and system time since the process began."""

    at_s: float
    calls: int
    cpu_s: Mapping[str, float]


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
        cost = {name: 1000 * (end.cpu_s[name] - start.cpu_s[name]) / edits for name in end.cpu_s}
        own = cost.pop(measured)
        return cls(edits, end.at_s - start.at_s, own, cost, peak_bytes / 2**20)


class Meter:
    """Watches processes by name; ``worker`` is what is measured, the others are beside it."""

    def __init__(self, port: int, processes: Mapping[str, Sequence[Child]]) -> None:
        self._standin = HTTPConnection(LOOPBACK, port, timeout=10)
        self._children = [child for group in processes.values() for child in group]
        self._processes = {name: [psutil.Process(child.pid) for child in group] for name, group in processes.items()}
        self.peak_bytes = 0

    def counts(self) -> dict[str, int]:
        """How many calls of each kind the stand-in has answered."""
        self._standin.request("GET", "/counts")
        counts: dict[str, int] = json.loads(self._standin.getresponse().read())
        return counts

    def moment(self) -> Moment:
        """Take everything down."""
        cpu = {name: sum(_cpu_s(p) for p in group) for name, group in self._processes.items()}
        resident = sum(p.memory_info().rss for p in self._processes["worker"])
        self.peak_bytes = max(self.peak_bytes, resident)
        return Moment(time.monotonic(), sum(self.counts().get(call, 0) for call in CALLS), cpu)

    def wait_for(self, calls: int) -> Moment:
        """The first moment at which ``calls`` calls were answered.

        Raises DiedError if a process ends before, ServiceError if the calls stop for STALLED_S.
        """
        last = self.moment()
        moved_at_s = last.at_s
        while last.calls < calls:
            for child in self._children:
                child.check()
            time.sleep(EVERY_S)
            now = self.moment()
            if now.calls != last.calls:
                moved_at_s = now.at_s
            elif now.at_s - moved_at_s > STALLED_S:
                raise ServiceError(f"nothing moved for {STALLED_S:g} s after {now.calls} of {calls} calls")
            last = now
        return last


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
