"""How near a version comes to an API that never waits: makespan, and from a result being ready to its image in S3."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.benchmark.cost import meter
from scripts.benchmark.service import percentile
from scripts.benchmark.sizes import Sizes
from scripts.benchmark.stage import Stage
from scripts.benchmark.standin import CALLS
from scripts.benchmark.versions import RETOUCH, Version
from scripts.benchmark.work import Work

# 32 more than the API's places: what waits there in line is what keeps a place from standing empty.
IN_FLIGHT = 96


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. ``ideal_s``: the same service times, one after the other on the same places with no gap."""

    edits: int
    makespan_s: float
    ideal_s: float
    lag_p50_s: float
    lag_p95_s: float

    @property
    def of_ideal(self) -> float:
        """The makespan as a multiple of the ideal, at least about 1."""
        return self.makespan_s / self.ideal_s


def measure(version: Version, sizes: Sizes) -> Pace:
    """One run, from the first POST to the last image; raises NotInstallableError, DiedError or ServiceError.

    Only Retouch bounds what it has at the API. The others submit as fast as they can, and the API lets it wait.
    """
    settings = {"RETOUCH_MAX_IN_FLIGHT": str(IN_FLIGHT)} if version is RETOUCH else {}
    commands = version.start()
    with Stage(sizes.service) as stage:
        version.enqueue(stage, Work(version.name, sizes.paced))
        with stage.processes(version.name, commands, **settings) as children, meter(stage, children) as watched:
            watched.wait_for(len(CALLS) * sizes.paced)
            log = watched.ask("/log")
    lags = log["lags_s"]
    return Pace(sizes.paced, log["makespan_s"], log["ideal_s"], percentile(lags, 0.5), percentile(lags, 0.95))
