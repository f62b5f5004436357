"""How fast edits are enqueued: through the command line, its start included, from Python, and with ``apply_async``."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

from celery import Celery

from retouch.queue import EditQueue
from scripts.benchmark.stage import Stage
from scripts.benchmark.versions import send
from scripts.benchmark.work import Work
from workers.stack.child import ROOT, clean_environment

RUNS = 3
CLI = [sys.executable, "-m", "retouch"]  # the command ``retouch``


def measure(edits: int, ordinary_edits: int) -> dict[str, float]:
    """Edits enqueued a second, by the way they are enqueued: the median of RUNS runs each."""
    with Stage() as stage:
        work = Work("enqueue", edits)
        fewer = Work("enqueue", ordinary_edits)
        manifest = stage.folder / "manifest.jsonl"
        work.write_manifest(manifest)
        environment = clean_environment(**stage.environment)

        def through_cli() -> None:
            command = [*CLI, "enqueue", str(manifest), "--batch", work.batch]
            subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True)

        def from_python() -> None:
            receipt = EditQueue.from_url(stage.valkey.url).enqueue(work.named(), batch=work.batch)
            assert receipt.accepted == edits, f"only {receipt.accepted} of {edits} edits were accepted"

        def with_apply_async() -> None:
            with Celery(broker=stage.valkey.url) as app:
                send(app, fewer)

        return {
            "cli": edits / _seconds(stage, through_cli),
            "python": edits / _seconds(stage, from_python),
            "ordinary": ordinary_edits / _seconds(stage, with_apply_async),
        }


def _seconds(stage: Stage, act: Callable[[], None]) -> float:
    """How long it takes, with an empty Redis before each run."""
    durations = []
    for _ in range(RUNS):
        stage.empty_redis()
        began_s = time.monotonic()
        act()
        durations.append(time.monotonic() - began_s)
    return median(durations)
