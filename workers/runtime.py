"""One worker process: an event loop in a thread of its own, on which thousands of steps run at a time.

Celery's threads hand chunks of claims to ``accept``; everything else happens on the loop: the dispatcher, the
renewal of leases, and the steps themselves.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import structlog
import uvloop

from config.celery import outlet
from config.logging import drain
from retouch.errors import InputError, SchemaError
from retouch.ledger import Claim, Step
from workers.capacity import Capacity
from workers.context import Context, Work
from workers.dispatcher import Dispatcher
from workers.jobs import JobRunner
from workers.pause_news import PauseNews
from workers.presence import Presence
from workers.renewal import Renewal

log = structlog.get_logger()

DRAIN_S = 75.0  # the longest HTTP call (60 s) and its settling; what is open after that is left to its lease

UPGRADE_EVERY_S = 1.0  # between two looks at whether the workers of an older schema have ended

GC_THRESHOLD = 50_000  # new containers before a collection; the default of 700 comes several times an edit


class Runtime:
    """The process's event loop, its services, and the chunks that run on it.

    ``edits`` and ``deliveries``: how much of each the process takes on at a time; of deliveries by ``outlet``.
    """

    def __init__(
        self,
        name: str,
        context: Context,
        dispatcher: Dispatcher,
        presence: Presence,
        renewal: Renewal,
        pause_news: PauseNews,
        jobs: JobRunner,
        *,
        edits: Capacity,
        deliveries: Mapping[str, Capacity],
    ) -> None:
        self.name = name
        self.context = context
        self.dispatcher = dispatcher
        self.presence = presence
        self.renewal = renewal
        self.pause_news = pause_news
        self.jobs = jobs
        self.edits = edits
        self.deliveries = deliveries
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="retouch-loop", daemon=True)
        self._services: list[asyncio.Task[None]] = []
        self._chunks: set[asyncio.Task[None]] = set()
        self._at_work: set[Claim] = set()
        self._draining = False
        self._upgraded = asyncio.Event()  # the ledger is of this program's schema

    # --- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the loop and its services."""
        self._thread.start()
        self._on_loop(self._start()).result()
        # Garbage collection took a fifth of the loop's CPU: it visited all objects of start-up and of the open steps.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)

    def drain(self) -> None:
        """Take no new claims from now on; safe in a signal handler."""
        self._draining = True
        self._loop.call_soon_threadsafe(self._end_intake)

    def stop(self) -> None:
        """Drain, wait for the steps that run, at most DRAIN_S seconds, and end."""
        self.drain()
        self._on_loop(self._stop()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _end_intake(self) -> None:
        # A thread of Celery's that waits for room would keep Celery from ending.
        self.edits.close()
        for capacity in self.deliveries.values():
            capacity.close()
        self.dispatcher.end()
        self.jobs.close()

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def _on_loop(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _start(self) -> None:
        context = self.context
        await context.clients.open()
        # No edit is submitted before the store is known to accept its result.
        services = {
            "dispatcher": self.dispatcher.run(may_begin=context.store_watch.looked),
            "renewal": self.renewal.run(),
            "pause news": self.pause_news.run(context.pauses.hear),
            "presence": self.presence.run(self._upgraded),
            "store watch": self._watch_store(),
            "upgrade": self._upgrade_ledger(),
        }
        for name, service in services.items():
            task = asyncio.create_task(service, name=name)
            task.add_done_callback(_end_process_on_failure)
            self._services.append(task)
        settings = context.settings
        log.info("worker.started", worker=self.name, lease_s=settings.lease, bucket=settings.bucket)

    async def _upgrade_ledger(self) -> None:
        """Wait until no worker of an older schema is alive; the first to find that brings the ledger up to date."""
        told = False
        while older := await self.context.call(self.context.ledger.worker.upgrade):
            if not told:
                told = True
                log.warning("worker.waiting", older_workers=older, remedy="stop them: docs/upgrading.md")
            await asyncio.sleep(UPGRADE_EVERY_S)
        await self._agree_price()
        self._upgraded.set()
        self.jobs.wake()  # one that a command was killed over waits for nobody else where there is no gateway

    async def _agree_price(self) -> None:
        """Raise InputError unless all workers count with one price, and a daily budget has one."""
        ours, daily = self.context.settings.image_price, self.context.settings.days_budget
        agreed = await self.context.call(
            self.context.ledger.worker.agree_price, ours, self.context.settings.daily_micros
        )
        if ours and ours != agreed:
            raise InputError(
                f"RETOUCH_PRICE is {ours}, and the price that holds for all workers is {agreed}: leave the variable"
                f" out, or change the price for all with: retouch price '{ours}'"
            )
        if daily and (agreed is None or daily.currency not in ("", agreed.currency)):
            what = f"is in another currency than the price ({agreed})" if agreed else "needs a price of one image"
            raise InputError(f"RETOUCH_DAILY_BUDGET {what}: set it right, or the price with retouch price '0.0035 USD'")

    async def _watch_store(self) -> None:
        await self._upgraded.wait()
        await self.context.store_watch.run()

    async def _stop(self) -> None:
        log.info("worker.draining", open_steps=len(self.context.leases))
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self._last_steps()
        open_claims = len(self.context.leases)
        for task in [*self._services, *self._chunks]:
            task.cancel()
        await asyncio.gather(*self._services, *self._chunks, return_exceptions=True)
        await self.presence.leave()
        await self.context.clients.close()
        self.context.call.close()
        log.info("worker.stopped", open_claims=open_claims)

    async def _last_steps(self) -> None:
        await asyncio.wait(self._services[:1])  # the dispatcher: it sends what it has claimed
        if self._chunks:
            await asyncio.wait(self._chunks)

    # --- work ------------------------------------------------------------------------------------

    def accept(self, claims: Sequence[Claim], work: Work) -> None:
        """Take a chunk on; called from Celery's threads. Blocks while this process is full.

        Deliveries never block, since a slow webhook must not stand before the edits: what does not fit, or is of a sink
        that this process does not have, is left to its lease. A process that is ending gives the chunk back at once.
        """
        delivery = claims[0].step is Step.ANNOUNCE
        capacity = self.deliveries.get(outlet(claims[0].sink)) if delivery else self.edits
        if self._draining:
            self.context.ledger.worker.give_back(claims)
        elif capacity and capacity.enter(len(claims), wait=not delivery):
            self._loop.call_soon_threadsafe(self._begin, claims, work, capacity)
        elif not delivery:
            self.context.ledger.worker.give_back(claims)

    def _begin(self, claims: Sequence[Claim], work: Work, capacity: Capacity) -> None:
        # A message may come twice: its end must not end the leases of claims that the other one is at work on.
        new = [claim for claim in claims if claim not in self._at_work]
        self._at_work.update(new)
        capacity.leave(len(claims) - len(new))
        if new and new[0].step is Step.ANNOUNCE:
            for claim in new:  # each by itself: one that is slow takes no room from those that are done
                self._start_chunk([claim], work, capacity)
        elif new:
            self._start_chunk(new, work, capacity)

    def _start_chunk(self, claims: Sequence[Claim], work: Work, capacity: Capacity) -> None:
        chunk = asyncio.create_task(self._run_chunk(claims, work, capacity))
        self._chunks.add(chunk)
        chunk.add_done_callback(self._chunks.discard)

    async def _run_chunk(self, claims: Sequence[Claim], work: Work, capacity: Capacity) -> None:
        try:
            await work(self.context, claims)
        except Exception:
            log.exception("chunk.crashed", step=claims[0].step, claims=len(claims))
        finally:
            capacity.leave(len(claims))
            self._at_work.difference_update(claims)
            for claim in claims:
                self.context.leases.end(claim)


def _end_process_on_failure(task: asyncio.Task[None]) -> None:
    """End the process if a service fails: without it the worker does harm, and its supervisor starts a new one."""
    if task.cancelled() or not (error := task.exception()):
        return
    if isinstance(error, SchemaError):
        log.critical("worker.schema_mismatch", reason=str(error))
    elif isinstance(error, InputError):
        log.critical("worker.other_price", reason=str(error))
    else:
        log.critical("worker.crashed", service=task.get_name(), exc_info=error)
    drain()
    os._exit(70)


_current: list[Runtime] = []


def set_current(runtime: Runtime) -> None:
    """Make ``runtime`` the process's own."""
    _current[:] = [runtime]


def current() -> Runtime:
    """The process's runtime."""
    return _current[0]
