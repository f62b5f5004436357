"""What an edit costs each version while it works: CPU, memory, edits a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scripts.benchmark.meter import Meter, Stretch
from scripts.benchmark.sizes import Sizes
from scripts.benchmark.stage import Stage
from scripts.benchmark.standin import CALLS
from scripts.benchmark.versions import FLOOR, RETOUCH, Version, retouch_workers
from scripts.benchmark.work import Work
from workers.stack.child import Child

WARM_UP = 0.1  # of the work, before the stretch begins
STEADY_END = 0.9  # of the work; what follows is the tail, in which too little is left to fill the machine
# Images at the API. An edit is there for the second until its first poll, so that fewer would leave the worker idle in
# between: the floor and the peers are never idle either.
IN_FLIGHT = 2048


def measure(version: Version, sizes: Sizes) -> Stretch:
    """One run; raises NotInstallableError, DiedError or ServiceError."""
    if version is FLOOR:
        return _floor(sizes.floor)
    return retouch(sizes.retouch) if version is RETOUCH else _peer(version, sizes)


def retouch(edits: int, workers: int = 1, settings: Mapping[str, str] | None = None) -> Stretch:
    """Retouch as it ships, with further ``settings``: its edits are in the ledger before its workers start."""
    with Stage() as stage:
        RETOUCH.enqueue(stage, Work("bench", edits))
        variables = {"RETOUCH_MAX_IN_FLIGHT": str(IN_FLIGHT)} | dict(settings or {})
        with stage.processes("retouch", retouch_workers(workers), **variables) as children:
            return _steady(stage, children, edits)


def _floor(edits: int) -> Stretch:
    commands = [[*command, str(edits)] for command in FLOOR.start()]
    with Stage() as stage, stage.processes("floor", commands) as children:
        return _steady(stage, children, edits)


def _peer(version: Version, sizes: Sizes) -> Stretch:
    """In two waves, of which the second is measured whole.

    The queues of most make all POSTs of a wave before the first poll, so that no part of a wave is steady.
    """
    warm = sizes.peer_warm_up
    commands = version.start()
    with Stage() as stage:
        version.enqueue(stage, Work("warm-up", warm))
        with stage.processes(version.name, commands) as children, meter(stage, children) as watched:
            watched.wait_for(len(CALLS) * warm)
            watched.look_again()
            with stage.processes("producer", [version.producer(Work(version.name, sizes.peer))]):
                start = watched.wait_for(len(CALLS) * warm + 1)
                end = watched.wait_for(len(CALLS) * (warm + sizes.peer))
                return Stretch.between(start, end, watched.peak_bytes)


def meter(stage: Stage, children: Sequence[Child]) -> Meter:
    """Watch the version's processes, and those beside them."""
    return Meter(stage.port, {"worker": children, "valkey": [stage.valkey.child], "stand-in": [stage.standin]})


def _steady(stage: Stage, children: Sequence[Child], edits: int) -> Stretch:
    calls = len(CALLS) * edits
    with meter(stage, children) as watched:
        start = watched.wait_for(int(WARM_UP * calls))
        end = watched.wait_for(int(STEADY_END * calls))
        return Stretch.between(start, end, watched.peak_bytes)
