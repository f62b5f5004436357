"""Edits from enqueue to their end by the ledger's moves alone: ``python -P moves.py URL EDITS JOURNAL``.

It is run by its path, with ``PYTHONPATH`` naming a tree of any revision, so it uses only what all of them have.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import redis

from retouch.ledger import Claim, Entry, Settlement
from retouch.states import EditState
from tests.ledger_bench import DEADLINE_MS, POLLED, SUBMITTING, Bench

WARM_UP = 200  # edits: scripts are loaded, tables are made
PAGE = 500  # edits of a producer's request
TOGETHER = 50  # claims and settlements in a move, as a busy worker has them
POLLED_MS = 500  # between two polls
ASKED = ("status:200",)  # what the sums over all batches rise by
COUNTED = "counts" in Settlement.__annotations__
OUTPUT = {
    "uri": "s3://bench/edits/b/edit-000000/0.png",
    "bytes": 412_345,
    "sha256": "5f" * 32,
    "width": 768,
    "height": 512,
    "content_type": "image/png",
}


def main() -> None:
    """Print a line of JSON, an edit's share of each: CPU of Redis in us, commands, bytes queued and ended."""
    url, edits, journal = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    client = redis.Redis.from_url(url, decode_responses=True)
    bench = Bench(client)
    bench.sinks = {}
    bench.ledger.worker.see_worker("w", {}, {"RETOUCH_JOURNAL": journal})
    _write(bench, "warm-up", WARM_UP)
    _work(bench)
    empty, began_s, called = _bytes(client), _cpu_s(client), _calls(client)
    _write(bench, "measured", edits)
    queued = _bytes(client)
    _work(bench)
    spent_s, ended, called = _cpu_s(client) - began_s, _bytes(client), _calls(client) - called
    done = bench.counts("measured").get("completed", 0)
    assert done == edits, f"{done} of {edits} edits were completed"
    figures = {
        "cpu_us": 1e6 * spent_s,
        "commands": called,
        "queued_bytes": queued - empty,
        "ended_bytes": ended - empty,
    }
    print(json.dumps({name: figure / edits for name, figure in figures.items()}))


def _write(bench: Bench, batch: str, count: int) -> None:
    entries = [Entry(f"edit-{n:06}", f"{n:032x}", json.dumps(_parameters(n)), 1, None) for n in range(count)]
    for page in _pages(entries, PAGE):
        bench.write(batch, page)
    bench.ledger.producer.seal(batch)


def _parameters(number: int) -> dict[str, Any]:
    return {
        "prompt": f"an oil painting of hills at sunset, thick impasto strokes, study {number}",
        "init_image": f"https://images.example.com/house-{number:06}.jpg",
        "strength": 0.75,
        "seed": number,
    }


def _work(bench: Bench) -> None:
    """Each edit is sent, asked about twice, copied and completed; the batch is left, as it is the same for all."""
    while claims := bench.edits(submits=TOGETHER, polls=0, deliveries=0):
        bench.begin(claims)
        good = {"submit": bench.clock.now}
        taken = {"good": good, "deadline_ms": DEADLINE_MS, "put": {"provider_id": "job-1"}}
        _settle(bench, claims, SUBMITTING, EditState.WAITING, ("submit:200", "taken"), **taken)
        claims, good = _polled(bench)
        _settle(bench, claims, POLLED, EditState.WAITING, ASKED, good=good, put={"polls": "1"})
        claims, good = _polled(bench)
        _settle(bench, claims, POLLED, EditState.COPYING, ASKED, good=good, keep=True)
        _settle(bench, claims, POLLED, EditState.COMPLETED, (), outputs=json.dumps([OUTPUT]))


def _polled(bench: Bench) -> tuple[list[Claim], dict[str, int]]:
    bench.clock.now += POLLED_MS
    claims = bench.edits(submits=0, polls=2 * TOGETHER, deliveries=0)  # the end of a batch may be among them
    bench.begin_polls(claims)
    return claims, {"poll": bench.clock.now}


def _settle(
    bench: Bench,
    claims: Sequence[Claim],
    came_from: Sequence[EditState],
    to: EditState,
    counts: tuple[str, ...],
    **more: Any,
) -> None:
    if COUNTED and counts:
        more["counts"] = counts
    settled = bench.ledger.worker.settle([Settlement(claim, tuple(came_from), to, **more) for claim in claims])
    assert all(settled), settled


def _pages(entries: Sequence[Entry], size: int) -> Iterator[Sequence[Entry]]:
    for first in range(0, len(entries), size):
        yield entries[first : first + size]


def _bytes(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory_dataset"])


def _calls(client: redis.Redis) -> int:
    """All commands, those of the scripts among them."""
    return sum(int(told["calls"]) for told in client.info("commandstats").values())


def _cpu_s(client: redis.Redis) -> float:
    told = client.info("cpu")
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])


if __name__ == "__main__":
    main()
