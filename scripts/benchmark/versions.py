"""Run each version over its edits, and measure a stretch of it."""

from __future__ import annotations

import sys

from celery import Celery

from retouch.queue import EditQueue
from scripts.benchmark import ordinary
from scripts.benchmark.meter import Meter, Stretch
from scripts.benchmark.stage import Stage
from scripts.benchmark.standin import CALLS
from scripts.benchmark.work import Work
from workers.stack.child import Child

WARM_UP = 0.1  # of the work, before the stretch begins
STEADY_END = 0.9  # of the work; what follows is the tail, in which too little is left to fill the machine
# Images at the API. An edit is there for the second until its first poll, so that 256 would mean some 230 edits/s.
IN_FLIGHT = 768
# Of the ordinary version. Of 8, 16, 32 and 64, tried in turns twice on two busy cores, 64 took the least CPU an edit
# (8.9 to 9.9 ms; 16: 10.1 to 12.4), by little more than the noise and at some cost in memory.
THREADS = 64
WARM_UP_ORDINARY = 2 * THREADS  # edits: every thread has made its S3 client, which is dear


def run_floor(edits: int, _workers: int = 1) -> Stretch:
    """The bare loop, in one process."""
    command = [sys.executable, "-m", "scripts.benchmark.floor", str(edits)]
    with Stage() as stage, stage.processes("floor", [command]) as children:
        return _steady(_meter(stage, children), edits)


def run_retouch(edits: int, workers: int = 1) -> Stretch:
    """Retouch as it ships: its edits are in the ledger before its workers start."""
    base = [sys.executable, "-m", "celery", "-A", "workers", "worker"]
    commands = [[*base, "--hostname", f"bench{n}@%h"] for n in range(workers)]
    with Stage() as stage:
        EditQueue.from_url(stage.valkey.url).enqueue(Work("bench", edits).named(), batch="bench")
        with stage.processes("retouch", commands, RETOUCH_MAX_IN_FLIGHT=str(IN_FLIGHT)) as children:
            return _steady(_meter(stage, children), edits)


def run_ordinary(edits: int, workers: int = 1) -> Stretch:
    """The ordinary version, in two waves, of which the second is measured whole.

    Its one queue makes all POSTs of a wave before the first poll, so that no part of a wave is steady.
    """
    warm = WARM_UP_ORDINARY
    base = [sys.executable, "-m", "celery", "-A", ordinary.__name__, "worker", "--pool", "threads"]
    base += ["--concurrency", str(THREADS)]
    commands = [[*base, "--hostname", f"ordinary{n}@%h"] for n in range(workers)]
    with Stage() as stage, Celery(broker=stage.valkey.url) as app:
        send(app, Work("warm-up", warm))
        with stage.processes("ordinary", commands) as children:
            meter = _meter(stage, children)
            start = meter.wait_for(len(CALLS) * warm)
            send(app, Work("ordinary", edits))
            end = meter.wait_for(len(CALLS) * (warm + edits))
            return Stretch.between(start, end, meter.peak_bytes)


def send(app: Celery, work: Work) -> None:
    """Enqueue edits for the ordinary version, one ``apply_async`` each."""
    submit = app.signature(ordinary.submit.name)
    for number, edit in enumerate(work.edits()):
        submit.apply_async((edit, f"{work.batch}/{number}"))


def _meter(stage: Stage, children: list[Child]) -> Meter:
    return Meter(stage.port, {"worker": children, "valkey": [stage.valkey.child], "stand-in": [stage.standin]})


def _steady(meter: Meter, edits: int) -> Stretch:
    calls = len(CALLS) * edits
    start = meter.wait_for(int(WARM_UP * calls))
    end = meter.wait_for(int(STEADY_END * calls))
    return Stretch.between(start, end, meter.peak_bytes)
