"""Who gets turns, by the API's own record of submits: a small batch behind a huge one, and batches of weights."""

from __future__ import annotations

import time
from collections import Counter

from tests.chaos.stage import Run
from tests.harness.growing import Record

WEIGHTS = range(1, 9)
FEW = 10


def small_behind_huge(run: Run, huge: int) -> float:
    """Seconds from the end of a small batch's enqueue to its first submit, while a huge one is at work."""
    run.ready(*[run.worker(max_in_flight=16) for _ in range(2)])
    run.queue.enqueue(run.edits(huge), batch="huge")
    run.until(lambda: _submits(run), "the huge batch is at work")
    run.queue.enqueue(run.edits(FEW), batch="small")
    enqueued_at = time.time()  # as the record has it
    run.until(lambda: "small" in map(_batch, _submits(run)), "the small batch's first submit")
    first = min(r["arrived"] for r in _submits(run) if _batch(r) == "small")
    run.stage.nursery.kill_all()
    return float(first - enqueued_at)


def farthest_from_its_weight(run: Run, turns: int) -> tuple[str, float]:
    """The batch whose part of the first ``turns`` submits is farthest from its weight's, and by what share of it."""
    for weight in WEIGHTS:  # the heaviest has some work left at the end
        run.queue.enqueue(run.edits(turns // 4), batch=f"w{weight}", weight=weight)
    run.ready(*[run.worker(max_in_flight=32) for _ in range(2)])
    run.until(lambda: len(_submits(run)) >= turns, f"{turns} submits", 120)
    run.stage.nursery.kill_all()
    count = Counter(map(_batch, _submits(run)[:turns]))
    off = {f"w{weight}": abs(count[f"w{weight}"] * sum(WEIGHTS) / (turns * weight) - 1) for weight in WEIGHTS}
    return max(off.items(), key=lambda item: item[1])


def _submits(run: Run) -> list[Record]:
    return sorted(run.api.submits(), key=lambda r: float(r["arrived"]))


def _batch(submit: Record) -> str:
    return str(submit["idempotency_key"]).partition("/")[0]
