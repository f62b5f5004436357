"""``GET /v1/installation``: why nothing moves, for callers whose batches are all right."""

from __future__ import annotations

from dataclasses import replace

from fastapi import FastAPI

from retouch.access_keys import AccessKey
from retouch.causes import PauseCause
from retouch.ledger import Pause
from retouch.queue import EditQueue
from retouch.records.installation import InstallationRecord
from retouch.records.provider import TimesRecord
from workers.gateway.context import Gateway
from workers.gateway.native.batches import Reader
from workers.gateway.problems import Kind, described
from workers.gateway.veil import HIDDEN, told_kinds, told_provider

UNTOLD = "of an answer, which is told to keys without a prefix alone"


def add_installation(app: FastAPI, gateway: Gateway) -> None:
    """Add the route."""
    queue = gateway.queue

    @app.get(
        "/v1/installation",
        tags=["installation"],
        summary="Which workers are alive, what is paused, and how the API is used",
        responses=described(Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.TOO_MANY, Kind.BUG, Kind.AWAY),
    )
    def installation(key: Reader) -> InstallationRecord:
        provider = told_provider(key, queue.provider()).to_json()
        pauses = [pause.to_json() for pause in told_pauses(queue, key)]
        learned: dict[str, TimesRecord] = {
            kind: {"p50_s": times.p50_s, "p95_s": times.p95_s}
            for kind, times in told_kinds(key, queue.result_times()).items()
        }
        price, today = queue.price(), None if key.prefix else next(iter(queue.money()), None)
        return {
            "price": price.to_json() if price else None,
            "money": today.to_json() if today else None,
            "workers": queue.workers(),
            "worker_differences": queue.differences(),
            "pauses": pauses,
            "provider": {**provider, "learned": learned},
            "queued": queue.queued(),
        }


def told_pauses(queue: EditQueue, key: AccessKey) -> list[Pause]:
    """The pauses as a key is told them: the API's words may be about an edit of somebody else."""
    pauses = queue.pauses()
    if key.sees_words and not key.prefix:
        return pauses
    untold = UNTOLD if key.sees_words else HIDDEN
    return [one if one.cause == PauseCause.PERSON else replace(one, reason=untold) for one in pauses]
