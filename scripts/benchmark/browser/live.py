"""A batch is worked on while the page shows it: how soon that is seen, what it costs, and what the edits say to it."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil
import redis

from retouch.queue import EditQueue
from retouch.states import EditState
from scripts.benchmark.browser.looking import Eyes, closing
from scripts.benchmark.browser.sizes import Sizes
from scripts.benchmark.gateway.house import House, opened
from scripts.benchmark.gateway.waiters import SPACED
from scripts.benchmark.gateway.ways import GATEWAY
from scripts.benchmark.service import percentile
from scripts.benchmark.stage import Stage
from scripts.benchmark.versions import RETOUCH
from scripts.benchmark.work import Work

BATCH = "live"
LOOKED_EVERY_S = 0.01
STEADY_S = 10.0  # until as many edits end as begin
# What the page tells of the completed edits of its map, each time that it differs.
_NOTE = """() => {
  const [chip] = [...document.querySelectorAll(".map .chip")].filter((one) => one.textContent.startsWith("completed"));
  const number = chip.querySelector(".count");
  window.seen = [];
  const note = () => window.seen.push([Date.now() / 1000, Number(number.textContent.replaceAll(/[^0-9]/g, ""))]);
  new MutationObserver(() => requestAnimationFrame(() => setTimeout(note))).observe(number, {childList: true});
}"""
Moments = list[tuple[float, int]]  # the wall clock in seconds, and how many edits were completed


@dataclass(frozen=True, slots=True)
class Live:
    """A stretch of work. ``cores``: the gateway's CPU, of one core; ``late_s``: until each change was on the screen."""

    edits_per_s: float
    cores: float = 0.0
    late_s: list[float] = field(default_factory=list)

    @property
    def late_most_s(self) -> float:
        """Of the change that was seen last."""
        return max(self.late_s)

    @property
    def late_p50_s(self) -> float:
        """In the middle."""
        return percentile(sorted(self.late_s), 0.5)


def measure(stage: Stage, eyes: Eyes, sizes: Sizes) -> tuple[list[Live], list[Live]]:
    """The stretches with the page and those without, in turns; raises DiedError, or ServiceError."""
    settings = {"RETOUCH_SUBMIT_RATE": f"{round(SPACED * sizes.edits_per_s)}/s", "RETOUCH_MAX_IN_FLIGHT": "2048"}
    shown, alone = [], []
    with opened(stage, GATEWAY) as house:
        EditQueue.from_url(stage.valkey.url).enqueue(Work(BATCH, sizes.looked).named(), batch=BATCH)
        with stage.processes("worker", RETOUCH.start(), **settings) as [worker]:
            time.sleep(STEADY_S)
            for _ in range(sizes.rounds):
                shown.append(_shown(stage, eyes, house, sizes.stretch_s))
                alone.append(_alone(stage, house, sizes.stretch_s))
                worker.check()
    return shown, alone


def _shown(stage: Stage, eyes: Eyes, house: House, seconds: float) -> Live:
    with eyes.signed_in(house) as context, closing(context.new_page()) as page:
        page.goto(f"{house.url}/#/batches/{BATCH}")
        page.locator('.live[data-live="on"]').wait_for()
        page.locator("virtual-list .row").first.wait_for()
        page.evaluate(_NOTE)
        with _looking(stage) as happened:
            began_cpu_s = house.cpu_s()
            page.wait_for_timeout(1000 * seconds)
            cpu_s = house.cpu_s() - began_cpu_s
        page.wait_for_timeout(2000)  # the last changes come to the screen
        seen: Moments = [(float(at), int(count)) for at, count in page.evaluate("window.seen")]
    return Live(_per_s(happened), cpu_s / seconds, late(happened, seen))


def _alone(stage: Stage, house: House, seconds: float) -> Live:
    """The gateway stands still: it would read on for a while after the page is closed, for one that comes back."""
    process = psutil.Process(house.child.pid)
    process.suspend()
    try:
        with _looking(stage) as happened:
            time.sleep(seconds)
    finally:
        process.resume()
    return Live(_per_s(happened))


@contextmanager
def _looking(stage: Stage) -> Iterator[Moments]:
    """What the ledger counts, again and again; the list is whole when the block has ended."""
    found: Moments = []
    ended = threading.Event()

    def look() -> None:
        with redis.Redis.from_url(stage.valkey.url) as client:
            while not ended.wait(LOOKED_EVERY_S):
                count = int(client.hget(f"{{retouch}}:batch:{BATCH}", f"n:{EditState.COMPLETED}") or 0)
                if not found or found[-1][1] != count:
                    found.append((time.time(), count))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def late(happened: Sequence[tuple[float, int]], seen: Sequence[tuple[float, int]]) -> list[float]:
    """Of each moment of the ledger, the seconds until the page showed as much, or more."""
    counts = [count for _, count in seen]
    places = [(at, bisect_left(counts, count)) for at, count in happened]
    return [max(0.0, seen[place][0] - at) if place < len(seen) else float("inf") for at, place in places]


def _per_s(happened: Sequence[tuple[float, int]]) -> float:
    (began_s, first), (ended_s, last) = happened[0], happened[-1]
    return (last - first) / (ended_s - began_s)
