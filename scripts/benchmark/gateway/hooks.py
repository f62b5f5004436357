"""Webhooks: how many a second one worker delivers, and how much slower edits are beside sinks that do not answer."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp
import requests

from retouch.errors import ServiceError
from retouch.queue import EditQueue
from retouch.states import EditState
from scripts.benchmark import cost
from scripts.benchmark.gateway.house import cpu_s, url_of
from scripts.benchmark.gateway.ways import AIOHTTP, BAD_SINKS, QUICK_SINK
from scripts.benchmark.meter import STALLED_S, Stretch
from scripts.benchmark.stage import Stage
from scripts.benchmark.versions import RETOUCH
from scripts.benchmark.work import Work
from workers.stack.ports import LOOPBACK, free_ports

SECRET = f"whsec_{base64.b64encode(b'a secret of the benchmark').decode()}"
AT_ONCE = 32  # requests of the bare loop
EVERY_S = 0.05
BEGIN, END = 0.1, 0.9  # of the deliveries: what lies between is measured


@dataclass(frozen=True, slots=True)
class Delivered:
    """Webhooks to a quick receiver, and nothing else to do. ``cpu_ms``: the sender's, a webhook."""

    per_s: float
    cpu_ms: float


def deliver(way: str, events: int) -> Delivered:
    """Deliver so many events; raises ServiceError if they do not arrive."""
    with Stage() as stage, _receiver(stage) as url:
        return _bare(url, events) if way == AIOHTTP else _by_a_worker(stage, url, events)


def _by_a_worker(stage: Stage, url: str, events: int) -> Delivered:
    """The events of edits that are cancelled: nothing but webhooks is to be done."""
    queue = EditQueue.from_url(stage.valkey.url)
    queue.pause()
    queue.enqueue(Work("hooks", events).named(), batch="hooks")
    with stage.processes("worker", RETOUCH.start(), **_settings(f"{url}/quick?name=quick")) as [child]:
        child.wait_until(lambda: queue.sinks() or None)
        began_cpu_s = cpu_s(child)
        queue.cancel("hooks", [EditState.QUEUED])
        began_s, first = _arrived(url, int(BEGIN * events))
        ended_s, last = _arrived(url, int(END * events))
        _arrived(url, events)
        return Delivered((last - first) / (ended_s - began_s), 1000 * (cpu_s(child) - began_cpu_s) / events)


def _bare(url: str, events: int) -> Delivered:
    began_cpu_s, began_s = time.process_time(), time.monotonic()
    asyncio.run(_posts(f"{url}/quick", events))
    seconds = time.monotonic() - began_s
    return Delivered(events / seconds, 1000 * (time.process_time() - began_cpu_s) / events)


async def _posts(url: str, events: int) -> None:
    numbers = iter(range(events))
    [edit] = Work("hooks", 1).named()

    async def some(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            async with session.post(url, data=json.dumps({"id": number, "data": edit})) as answer:
                await answer.read()

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(some(session) for _ in range(AT_ONCE)))


def beside(way: str, edits: int) -> Stretch:
    """Edits beside such sinks; raises ServiceError or DiedError."""
    with Stage() as beside, _receiver(beside) as url:
        [nobody] = free_ports(1)
        sinks = {
            QUICK_SINK: f"{url}/quick?name=quick",
            BAD_SINKS: f"http://{LOOPBACK}:{nobody}/?name=dead {url}/slow?name=slow",
        }
        return cost.retouch(edits, settings=_settings(sinks[way]) if way in sinks else {})


def _settings(sinks: str) -> dict[str, str]:
    return {"RETOUCH_SINKS": sinks, "RETOUCH_WEBHOOK_SECRET": SECRET}


@contextmanager
def _receiver(stage: Stage) -> Iterator[str]:
    command = [sys.executable, "-m", "scripts.benchmark.gateway.receiver"]
    with stage.processes("receiver", [command]) as [child]:
        yield child.wait_until(lambda: url_of(child))


def _arrived(url: str, wanted: int) -> tuple[float, int]:
    """Wait for so many webhooks; returns when that was, in monotonic seconds, and how many there were then."""
    found, moved_s = -1, time.monotonic()
    with requests.Session() as session:
        while True:
            count = int(session.get(f"{url}/counts", timeout=10).json().get("quick", 0))
            now = time.monotonic()
            if count >= wanted:
                return now, count
            if count != found:
                found, moved_s = count, now
            if now - moved_s > STALLED_S:
                raise ServiceError(f"no webhook came for {STALLED_S:g} s after {count:,} of {wanted:,}")
            time.sleep(EVERY_S)
