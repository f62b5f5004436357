"""Many failed edits are tried again at once: how long that takes, and how long it holds Redis at a time."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import redis

from retouch.errors import ServiceError
from retouch.ledger import Claim, Ledger, Settlement, Step
from retouch.queue import EditQueue
from retouch.states import EditState
from scripts.benchmark.stage import Stage
from scripts.benchmark.work import Work

BATCH = "failed"
LEASE_MS = 600_000
SLOW_US = 500  # what takes less is not looked at


@dataclass(frozen=True, slots=True)
class Retry:
    """``longest_ms``: the command that held Redis the longest; of its own time, what waited for it not counted."""

    edits: int
    seconds: float
    longest_ms: float


def measure(stage: Stage, rounds: int, edits: int) -> list[Retry]:
    """So many edits fail, and are tried again, so often; raises ServiceError if not all of them are."""
    stage.empty_redis()
    queue, ledger = EditQueue.from_url(stage.valkey.url), Ledger.from_url(stage.valkey.url)
    ledger.worker.see_worker("bench", {})
    queue.enqueue(Work(BATCH, edits).named(), batch=BATCH)
    found = []
    with redis.Redis.from_url(stage.valkey.url, decode_responses=True) as client:
        for _ in range(rounds):
            _fail_all(ledger, edits)
            client.config_set("slowlog-log-slower-than", SLOW_US)
            client.config_set("slowlog-max-len", 10_000)
            client.slowlog_reset()
            began_s = time.monotonic()
            retry(queue)
            seconds = time.monotonic() - began_s
            longest_us = max((entry["duration"] for entry in client.slowlog_get(10_000)), default=SLOW_US)
            client.config_set("slowlog-log-slower-than", -1)
            if left := queue.status(BATCH).counts.get(EditState.FAILED):
                raise ServiceError(f"{left:,} of {edits:,} edits are failed still")
            found.append(Retry(edits, seconds, longest_us / 1000))
    return found


def retry(queue: EditQueue) -> None:
    """What a person's click on the page comes to."""
    queue.retry(BATCH)


def _fail_all(ledger: Ledger, edits: int) -> None:
    """Be the worker: half of them the API has refused, of the others it has a result still, which is asked for."""
    failed = 0
    while failed < edits:
        claims = [
            c for c in ledger.worker.claim("bench", lease_ms=LEASE_MS, places=edits).claims if c.step is not Step.FINISH
        ]
        if not claims:
            raise ServiceError(f"{failed:,} of {edits:,} edits can be claimed, and no more")
        ledger.worker.settle([_failure(claim, n) for n, claim in enumerate(claims)])
        failed += len(claims)


def _failure(claim: Claim, number: int) -> Settlement:
    came_from = (EditState.SUBMITTING, EditState.WAITING, EditState.COPYING)
    if number % 2:
        error = {"code": "refused", "message": f"init_image could not be read: {number}"}
        return Settlement(claim, came_from, EditState.FAILED, error=json.dumps(error))
    error = {"code": "deadline", "message": "no result within 1800 s"}
    put = {"provider_id": f"job-{number}"}
    return Settlement(claim, came_from, EditState.FAILED, put=put, error=json.dumps(error))
