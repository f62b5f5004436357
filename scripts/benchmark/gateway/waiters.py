"""Callers that wait for the end of a batch each: how soon they know, and what their waiting costs the gateway."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp

from retouch.errors import ServiceError
from retouch.queue import EditQueue
from scripts.benchmark.gateway.house import House, opened
from scripts.benchmark.gateway.sizes import Sizes
from scripts.benchmark.gateway.ways import GATEWAY, STREAMS
from scripts.benchmark.service import percentile
from scripts.benchmark.stage import Stage
from scripts.benchmark.versions import RETOUCH
from scripts.benchmark.work import Work

SPACED = 1.07  # a worker spaces requests that much further than a rate says
ENDS_S = 300.0  # at most, until all know
ASKED_EVERY_S = 1.0
COMPLETED = "retouch.batch.completed"


@dataclass(frozen=True, slots=True)
class Waited:
    """All the waiting. ``cores``: the gateway's CPU, of one core. ``late_s``: from each end until its caller knew."""

    clients: int
    edits_per_s: float
    cores: float
    late_s: list[float] = field(default_factory=list)

    @property
    def late_p50_s(self) -> float:
        """In the middle."""
        return percentile(self.late_s, 0.5)

    @property
    def late_most_s(self) -> float:
        """Of the caller who knew last."""
        return max(self.late_s)


def measure(stage: Stage, way: str, sizes: Sizes) -> Waited:
    """One run; raises ServiceError if somebody was not told, or DiedError."""
    with opened(stage, GATEWAY) as house:
        queue = EditQueue.from_url(stage.valkey.url)
        edits = 0
        batches = [f"waited-{number}" for number in range(sizes.clients)]
        for number, batch in enumerate(batches):
            count = size_of(number, sizes)
            queue.enqueue(Work(batch, count).named(), batch=batch)
            edits += count
        waiting = _hears if way == STREAMS else _asks
        try:
            told, seconds, used_s = asyncio.run(_all(stage, house, batches, waiting, sizes))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ServiceError(f"somebody waits in vain: {error or type(error).__name__}") from None
        ends = {event["subject"]: event["time"] for event in queue.events("0-0") if event["type"] == COMPLETED}
    late_s = [at - datetime.fromisoformat(ends[batch]).timestamp() for batch, at in zip(batches, told, strict=True)]
    return Waited(len(batches), edits / seconds, used_s / seconds, sorted(late_s))


def size_of(number: int, sizes: Sizes) -> int:
    """Edits of a batch. All batches get turns alike, so that they end one after the other by their sizes."""
    return 1 + 2 * (sizes.per_batch - 1) * number // max(1, sizes.clients - 1)


Waiting = Callable[[aiohttp.ClientSession, House, str, asyncio.Event], Coroutine[Any, Any, float]]


async def _all(
    stage: Stage, house: House, batches: list[str], waiting: Waiting, sizes: Sizes
) -> tuple[list[float], float, float]:
    """When each knew, by the wall clock; how many seconds it took, and the gateway's CPU in that time."""
    rate = {"RETOUCH_SUBMIT_RATE": f"{round(SPACED * sizes.edits_per_s)}/s", "RETOUCH_MAX_IN_FLIGHT": "2048"}
    connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=ENDS_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=house.headers) as session:
        connected = [asyncio.Event() for _ in batches]
        callers = [
            asyncio.create_task(waiting(session, house, batch, event))
            for batch, event in zip(batches, connected, strict=True)
        ]
        async with asyncio.timeout(ENDS_S):
            await asyncio.gather(*(event.wait() for event in connected))
        with stage.processes("worker", RETOUCH.start(), **rate):
            began_s, began_cpu_s = time.monotonic(), house.cpu_s()
            told = await asyncio.gather(*callers)
            return told, time.monotonic() - began_s, house.cpu_s() - began_cpu_s


async def _hears(session: aiohttp.ClientSession, house: House, batch: str, connected: asyncio.Event) -> float:
    url = f"{house.url}/v1/batches/{batch}/events?types=batch.completed"
    async with session.get(url) as answer:
        answer.raise_for_status()
        async for line in answer.content:
            connected.set()  # the first line comes when it listens
            if line.startswith(b"data: "):
                return time.time()
    raise ServiceError(f"the stream of {batch} ended before the batch did")


async def _asks(session: aiohttp.ClientSession, house: House, batch: str, connected: asyncio.Event) -> float:
    while True:
        async with session.get(f"{house.url}/v1/batches/{batch}") as answer:
            answer.raise_for_status()
            view = await answer.json()
        connected.set()
        if view["state"] == "completed":
            return time.time()
        await asyncio.sleep(ASKED_EVERY_S)
