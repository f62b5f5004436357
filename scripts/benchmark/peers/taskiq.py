"""The same with taskiq: the poll is a task that is scheduled for a time, again while the edit runs.

``taskiq worker scripts.benchmark.peers.taskiq:broker`` runs it, and beside it
``taskiq scheduler scripts.benchmark.peers.taskiq:scheduler --update-interval 1``, without which no delay ends.
"""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from taskiq import Context, TaskiqDepends, TaskiqEvents, TaskiqScheduler, TaskiqState
from taskiq_redis import ListRedisScheduleSource, RedisStreamBroker

from scripts.benchmark.peers import produce
from scripts.benchmark.peers.nonblocking import Calls
from scripts.benchmark.work import Work

POLL_AFTER = timedelta(seconds=1)
REDIS_URL = os.environ.get("RETOUCH_REDIS_URL", "redis://")

broker = RedisStreamBroker(REDIS_URL)
schedules = ListRedisScheduleSource(REDIS_URL)
scheduler = TaskiqScheduler(broker, sources=[schedules])


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def startup(state: TaskiqState) -> None:
    """Connect."""
    await schedules.startup()
    state.calls = await Calls.open()


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def shutdown(state: TaskiqState) -> None:
    """Disconnect."""
    await state.calls.close()


@broker.task(task_name="submit")
async def submit(edit: dict[str, Any], key: str, context: Annotated[Context, TaskiqDepends()]) -> None:
    """Send an edit and have it polled after a while."""
    await _poll_later(await context.state.calls.submit(edit), key)


@broker.task(task_name="poll")
async def poll(provider_id: str, key: str, context: Annotated[Context, TaskiqDepends()]) -> None:
    """Ask where the edit stands: again later while it runs, else keep its images."""
    found = await context.state.calls.links(provider_id)
    if found is None:
        await _poll_later(provider_id, key)
    else:
        await context.state.calls.keep(found, key)


async def _poll_later(provider_id: str, key: str) -> None:
    await poll.schedule_by_time(schedules, datetime.now(UTC) + POLL_AFTER, provider_id, key)


async def _enqueue(work: Work) -> None:
    await broker.startup()
    for key, edit in work.keyed():
        await submit.kiq(edit, key)
    await broker.shutdown()


if __name__ == "__main__":
    produce.timed(lambda work: asyncio.run(_enqueue(work)))
