"""The same with arq: the poll is a deferred job, and raises ``Retry`` while the edit runs.

``arq scripts.benchmark.peers.arq.WorkerSettings`` runs it.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from arq import Retry, create_pool, func
from arq.connections import RedisSettings

from scripts.benchmark.peers import produce
from scripts.benchmark.peers.nonblocking import CONCURRENCY, Calls
from scripts.benchmark.work import Work

POLL_AFTER_S = 1
MAX_POLLS = 3600  # arq counts each as a try, and allows 5
REDIS = RedisSettings.from_dsn(os.environ.get("RETOUCH_REDIS_URL", "redis://"))


async def submit(ctx: dict[Any, Any], edit: dict[str, Any], key: str) -> None:
    """Send an edit and have it polled after a while."""
    provider_id = await ctx["calls"].submit(edit)
    await ctx["redis"].enqueue_job("poll", provider_id, key, _defer_by=POLL_AFTER_S)


async def poll(ctx: dict[Any, Any], provider_id: str, key: str) -> None:
    """Ask where the edit stands: again later while it runs, else keep its images."""
    found = await ctx["calls"].links(provider_id)
    if found is None:
        raise Retry(defer=POLL_AFTER_S)
    await ctx["calls"].keep(found, key)


async def startup(ctx: dict[Any, Any]) -> None:
    """Connect."""
    ctx["calls"] = await Calls.open()


async def shutdown(ctx: dict[Any, Any]) -> None:
    """Disconnect."""
    await ctx["calls"].close()


class WorkerSettings:
    """What the ``arq`` command reads."""

    functions = (submit, func(poll, max_tries=MAX_POLLS))
    on_startup = startup
    on_shutdown = shutdown
    redis_settings = REDIS
    max_jobs = CONCURRENCY
    keep_result = 0


async def _enqueue(work: Work) -> None:
    redis = await create_pool(REDIS)
    for key, edit in work.keyed():
        await redis.enqueue_job("submit", edit, key)


if __name__ == "__main__":
    produce.timed(lambda work: asyncio.run(_enqueue(work)))
