"""A hundred thousand edits at once: flat memory, flat cost an edit; and Redis as empty as before when all is over."""

from __future__ import annotations

from dataclasses import dataclass

import redis

from retouch.errors import ServiceError
from retouch.queue import EditQueue
from scripts.benchmark.cost import IN_FLIGHT
from scripts.benchmark.stage import Stage
from scripts.benchmark.versions import retouch_workers
from scripts.benchmark.work import Work
from tests.harness.waiting import until

RETENTION_S = 2
BATCH = "load"


@dataclass(frozen=True)
class Kept:
    """Redis' memory in MiB: before, at the end of the batch, and when its retention was over; and the keys left."""

    edits: int
    before_mib: float
    full_mib: float
    after_mib: float
    keys_left: int


def retention(edits: int) -> Kept:
    """Run a batch to its end and wait until it has left Redis."""
    with Stage() as stage, redis.Redis.from_url(stage.valkey.url, decode_responses=True) as client:
        settings = {"RETOUCH_MAX_IN_FLIGHT": str(IN_FLIGHT), "RETOUCH_RETENTION": str(RETENTION_S)}
        queue = EditQueue.from_url(stage.valkey.url)
        with stage.processes("load", retouch_workers(1), **settings):
            until(queue.workers, "the worker is seen")
            _run(queue, 1)  # what Redis allocates once belongs to what was there before
            _gone(queue)
            before = _mib(client)
            _run(queue, edits)
            full = _mib(client)
            _gone(queue)
            until(lambda: not client.xlen("{retouch}:events"), "its events are gone as well")
            return Kept(edits, before, full, _mib(client), client.dbsize())


def _run(queue: EditQueue, edits: int) -> None:
    queue.enqueue(Work(BATCH, edits).named(), batch=BATCH)
    try:
        queue.wait(BATCH, 600)
    except ServiceError:  # it was so quick that its retention is over
        return


def _gone(queue: EditQueue) -> None:
    until(lambda: BATCH not in [view.batch for view in queue.batches()], "the batch has left Redis", 120)


def _mib(client: redis.Redis) -> float:
    client.memory_purge()
    return float(client.info("memory")["used_memory"]) / 2**20
