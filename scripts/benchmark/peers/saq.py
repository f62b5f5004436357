"""The same with SAQ: the poll is a ``scheduled`` job, and enqueues itself again while the edit runs.

``saq scripts.benchmark.peers.saq.settings`` runs it.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from saq import Queue

from scripts.benchmark.peers import produce
from scripts.benchmark.peers.nonblocking import CONCURRENCY, TIMEOUT_S, Calls
from scripts.benchmark.work import Work

POLL_AFTER_S = 1
NO_RESULT = -1  # ``ttl``: nothing is kept of a finished job

queue = Queue.from_url(os.environ.get("RETOUCH_REDIS_URL", "redis://"))


async def submit(ctx: dict[str, Any], *, edit: dict[str, Any], folder: str) -> None:
    """Send an edit and have it polled after a while."""
    await _poll_later(await ctx["calls"].submit(edit), folder)


async def poll(ctx: dict[str, Any], *, provider_id: str, folder: str) -> None:
    """Ask where the edit stands: again later while it runs, else keep its images."""
    found = await ctx["calls"].links(provider_id)
    if found is None:
        await _poll_later(provider_id, folder)
    else:
        await ctx["calls"].keep(found, folder)


async def _poll_later(provider_id: str, folder: str) -> None:
    await queue.enqueue(
        "poll",
        provider_id=provider_id,
        folder=folder,  # ``key`` is the name of SAQ's own
        scheduled=time.time() + POLL_AFTER_S,
        timeout=TIMEOUT_S,
        ttl=NO_RESULT,
    )


async def startup(ctx: dict[str, Any]) -> None:
    """Connect."""
    ctx["calls"] = await Calls.open()


async def shutdown(ctx: dict[str, Any]) -> None:
    """Disconnect."""
    await ctx["calls"].close()


settings = {
    "queue": queue,
    "functions": [submit, poll],
    "concurrency": CONCURRENCY,
    "startup": startup,
    "shutdown": shutdown,
}


async def _enqueue(work: Work) -> None:
    for key, edit in work.keyed():
        await queue.enqueue("submit", edit=edit, folder=key, timeout=TIMEOUT_S, ttl=NO_RESULT)
    await queue.disconnect()


if __name__ == "__main__":
    produce.timed(lambda work: asyncio.run(_enqueue(work)))
