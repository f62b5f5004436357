"""How the stand-in for the API takes its time: places, a queue for what comes beyond them, and drawn service times.

Nothing here waits or reads a clock. As the queue is first come, first served, the moment at which a result will be
ready is known when its edit arrives.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """What kind of API it is: ``median_s`` and ``sigma`` of the lognormal service times, and their seed."""

    places: int = 64
    median_s: float = 3.0
    sigma: float = 0.5
    seed: int = 1

    def times(self) -> Iterator[float]:
        """The service times in seconds, in the order in which edits arrive; always the same."""
        draw = random.Random(self.seed)
        while True:
            yield draw.lognormvariate(math.log(self.median_s), self.sigma)

    def arguments(self) -> list[str]:
        """As the stand-in's command line takes it."""
        return [str(self.places), str(self.median_s), str(self.sigma), str(self.seed)]

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Service:
        """From the stand-in's command line."""
        places, median_s, sigma, seed = arguments
        return cls(int(places), float(median_s), float(sigma), int(seed))


def ideal_makespan_s(times_s: Sequence[float], places: int) -> float:
    """How long the edits take on ``places`` places, each taking the next as soon as it is free (list scheduling)."""
    desk = Desk(places)
    return max((desk.take(0.0, time_s) for time_s in times_s), default=0.0)


class Desk:
    """The places. Times are seconds on any one clock."""

    def __init__(self, places: int) -> None:
        self._free_at = [-math.inf] * places

    def take(self, at_s: float, service_s: float) -> float:
        """When an edit that arrives at ``at_s``, not before the one taken last, will be ready."""
        ready_s = max(at_s, self._free_at[0]) + service_s
        heapq.heapreplace(self._free_at, ready_s)
        return ready_s


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` (0..1) of all values do not exceed; there must be one."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
