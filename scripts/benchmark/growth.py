"""Whether an edit costs the same in a large batch as in a small one: ``python -m scripts.benchmark.growth SIZE…``.

Every size gets servers and workers of its own. ``WARM_UP`` edits come on top of it and are not measured: the first
ones pay for connections, and a batch of 1,000 would show little else.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import redis

from retouch.errors import ServiceError
from retouch.queue import EditQueue
from scripts.benchmark.meter import Meter, Stretch
from scripts.benchmark.stage import Stage
from scripts.benchmark.standin import CALLS
from scripts.benchmark.versions import retouch_workers
from scripts.benchmark.work import Work

WARM_UP = 1000  # edits
IN_FLIGHT = 768  # images at the API: less than the smallest batch, so that it too is worked off in a steady flow
SAMPLES = 20  # looks at the memory of Redis, evenly over the calls
FINISH_S = 120.0  # at most, from the last image to the end of the batch
BATCH = "growth"


@dataclass(frozen=True, slots=True)
class Growth:
    """What an edit cost in a batch of ``edits``.

    CPU in ms an edit: of all workers together and of Valkey. Memory in MiB: resident, all workers together, after the
    warm-up, after half of the calls, and when the batch was completed. ``redis_bytes`` is an edit's share of what
    Redis holds at its peak, results and events included.
    """

    edits: int
    cpu_ms: float
    valkey_cpu_ms: float
    start_mib: float
    middle_mib: float
    end_mib: float
    per_second: float
    redis_bytes: float


def measure(sizes: Sequence[int], workers: int = 1) -> list[Growth]:
    """Run a batch of each size to its end; raises ServiceError if one gets stuck, DiedError if a process ends."""
    return [_measure(size, workers) for size in sizes]


def _measure(edits: int, workers: int) -> Growth:
    with Stage() as stage, redis.Redis.from_url(stage.valkey.url) as client:
        queue = EditQueue.from_url(stage.valkey.url)
        empty = _used_bytes(client)
        queue.enqueue(Work(BATCH, WARM_UP + edits).named(), batch=BATCH)
        with (
            stage.processes("growth", retouch_workers(workers), RETOUCH_MAX_IN_FLIGHT=str(IN_FLIGHT)) as children,
            Meter(stage.port, {"worker": children, "valkey": [stage.valkey.child]}) as meter,
        ):
            return _follow(meter, queue, client, edits, empty)


def _follow(meter: Meter, queue: EditQueue, client: redis.Redis, edits: int, empty: int) -> Growth:
    first, last = (len(CALLS) * count for count in (WARM_UP, WARM_UP + edits))
    start = meter.wait_for(first)
    resident, used = [meter.resident_mib()], [_used_bytes(client)]
    for step in range(1, SAMPLES + 1):
        meter.wait_for(first + (last - first) * step // SAMPLES)
        resident.append(meter.resident_mib())
        used.append(_used_bytes(client))
    try:
        queue.wait(BATCH, FINISH_S)
    except TimeoutError as error:
        raise ServiceError(str(error)) from error
    used.append(_used_bytes(client))
    stretch = Stretch.between(start, meter.moment(), meter.peak_bytes)
    return Growth(
        edits=edits,
        cpu_ms=stretch.cpu_ms,
        valkey_cpu_ms=stretch.beside_ms["valkey"],
        start_mib=resident[0],
        middle_mib=resident[SAMPLES // 2],
        end_mib=meter.resident_mib(),
        per_second=stretch.per_second,
        redis_bytes=(max(used) - empty) / (WARM_UP + edits),
    )


def _used_bytes(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one JSON object a size; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.benchmark.growth", description="Cost by size of the batch."
    )
    parser.add_argument("sizes", type=int, nargs="+", metavar="SIZE", help="edits in the batch")
    parser.add_argument("--workers", type=int, default=1, help="worker processes; default 1")
    options = parser.parse_args(arguments)
    for size in options.sizes:
        [growth] = measure([size], options.workers)
        print(json.dumps(asdict(growth)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
