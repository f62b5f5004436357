"""One worker process: an event loop in a thread of its own, on which thousands of steps run at a time.

Celery's threads hand chunks of claims to ``accept``; everything else happens on the loop: the dispatcher, the
renewal of leases, and the steps themselves.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any

import structlog
import uvloop

from config.logging import drain
from config.settings import Settings
from retouch.errors import SchemaError
from retouch.ledger import Claim, Ledger, Settlement, Step
from workers.capacity import Capacity
from workers.clients import Clients
from workers.coalescer import Coalescer
from workers.dispatcher import Backlog, Dispatcher, Send
from workers.leases import Leases
from workers.ledger_calls import LedgerCalls
from workers.pacer import Pacer
from workers.pauses import Pauses
from workers.poll_times import PollTimes
from workers.presence import Presence
from workers.server_clock import ServerClock
from workers.store_watch import StoreWatch

log = structlog.get_logger()

MAX_OPEN = 2048  # steps of edits at a time in one process
MAX_DELIVERIES = 64  # event deliveries at a time in one process
SETTLE_AT_ONCE = 200  # settlements in one script: a few ms of Redis' time
SETTLE_LINGER_S = 0.01  # nothing beside an API call, and a write then carries several settlements
DRAIN_S = 75.0  # the longest HTTP call (60 s) and its settling; what is open after that is left to its lease

GC_THRESHOLD = 50_000  # new containers before a collection; the default of 700 comes several times an edit

Work = Callable[["Runtime", Sequence[Claim]], Awaitable[None]]


class Runtime:
    """The process's loop and clients. ``send`` publishes a chunk, ``backlog`` counts messages that wait."""

    def __init__(self, settings: Settings, ledger: Ledger, send: Send, backlog: Backlog) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self.settings = settings
        self.ledger = ledger
        self.call = LedgerCalls()
        self.leases = Leases(settings.lease)
        self.clock = ServerClock()
        self.pacer = Pacer(self.clock, settings.slack_ms)
        self.poll_times = PollTimes(settings, ledger.reader, self.call)
        self.capacity = Capacity(MAX_OPEN)
        self.delivery_capacity = Capacity(MAX_DELIVERIES)
        self.settlements: Coalescer[Settlement, bool] = Coalescer(
            self._settle_many, limit=SETTLE_AT_ONCE, linger_s=SETTLE_LINGER_S
        )
        self.clients: Clients
        self.pauses = Pauses(ledger.worker, self.call)
        self.store_watch = StoreWatch(lambda: self.clients.store, settings.prefix, self.pauses)
        self._dispatcher = Dispatcher(
            self.name,
            settings,
            ledger.worker,
            self.call,
            self.pauses,
            edits=self.capacity,
            deliveries=self.delivery_capacity,
            send=send,
            backlog=backlog,
        )
        self._presence = Presence(self.name, settings.sinks, ledger.worker, self.call, self.store_watch)
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="retouch-loop", daemon=True)
        self._services: list[asyncio.Task[None]] = []
        self._chunks: set[asyncio.Task[None]] = set()
        self._draining = False

    # --- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the loop and its services; raises what making the clients raises."""
        self._thread.start()
        self._on_loop(self._start()).result()
        # A fifth of the loop's CPU went into walking what start-up made and what thousands of open steps hold.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)

    def drain(self) -> None:
        """Take no new claims from now on; safe in a signal handler."""
        self._draining = True
        self._loop.call_soon_threadsafe(self._dispatcher.end)

    def stop(self) -> None:
        """Drain, wait for the steps that run, give the rest back, and end. Blocks for DRAIN_S at most."""
        self.drain()
        self.capacity.close()
        self.delivery_capacity.close()
        self._on_loop(self._stop()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def _on_loop(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _start(self) -> None:
        self.clients = Clients(self.settings)
        await self.clients.open()
        for service in (self._dispatch, self._renew, self._presence.run):
            task = asyncio.create_task(service(), name=service.__qualname__)
            task.add_done_callback(_end_process_on_failure)
            self._services.append(task)
        log.info("worker.started", worker=self.name, lease_s=self.settings.lease, bucket=self.settings.bucket)

    async def _dispatch(self) -> None:
        # No edit is paid for before its result is known to find a place.
        await self._dispatcher.run(may_begin=self.store_watch.looked)

    async def _stop(self) -> None:
        log.info("worker.draining", open_steps=len(self.leases))
        await asyncio.wait(self._services[:1], timeout=DRAIN_S)  # the dispatcher: it sends what it has claimed
        if self._chunks:
            await asyncio.wait(self._chunks, timeout=DRAIN_S)
        for task in [*self._services, *self._chunks]:
            task.cancel()
        await asyncio.gather(*self._services, *self._chunks, return_exceptions=True)
        await self._presence.leave()
        await self.clients.close()
        self.call.close()
        log.info("worker.stopped", left_to_their_lease=len(self.leases))

    # --- work ------------------------------------------------------------------------------------

    def accept(self, claims: Sequence[Claim], work: Work) -> None:
        """Take a chunk on; called from Celery's threads. Blocks while this process is full.

        Deliveries never block, since a slow webhook must not stand before the edits: what does not fit is left
        to its lease. A process that is ending gives the chunk back at once.
        """
        delivery = claims[0].step is Step.ANNOUNCE
        capacity = self.delivery_capacity if delivery else self.capacity
        if self._draining:
            self.ledger.worker.give_back(claims)
        elif capacity.enter(len(claims), wait=not delivery):
            self._loop.call_soon_threadsafe(self._begin, claims, work, capacity)
        elif not delivery:
            self.ledger.worker.give_back(claims)

    def _begin(self, claims: Sequence[Claim], work: Work, capacity: Capacity) -> None:
        chunk = asyncio.create_task(self._run_chunk(claims, work, capacity))
        self._chunks.add(chunk)
        chunk.add_done_callback(self._chunks.discard)

    async def _run_chunk(self, claims: Sequence[Claim], work: Work, capacity: Capacity) -> None:
        try:
            await work(self, claims)
        except Exception:
            log.exception("chunk.crashed", step=claims[0].step, claims=len(claims))
        finally:
            capacity.leave(len(claims))
            for claim in claims:
                self.leases.end(claim)

    async def settle(self, settlement: Settlement) -> bool:
        """End a claim or move it on, patiently; False (and a log line) if it was lost meanwhile."""
        settled = await self.settlements(settlement)
        if not settled:
            log.warning("claim.lost", to=settlement.to, fence=settlement.claim.fence)
        if not (settled and settlement.keep):
            self.leases.end(settlement.claim)
        return settled

    async def _settle_many(self, settlements: Sequence[Settlement]) -> Sequence[bool]:
        return await self.call(self.ledger.worker.settle, settlements)

    async def _renew(self) -> None:
        """Hold on to the open claims, three times a lease."""
        while True:
            await asyncio.sleep(self.settings.lease / 3)
            claims = self.leases.open()
            asked_at = time.monotonic()
            for first in range(0, len(claims), SETTLE_AT_ONCE):
                page = claims[first : first + SETTLE_AT_ONCE]
                lost = await self.call(self.ledger.worker.renew, page, self.settings.lease_ms)
                self.leases.renewed(page, lost, asked_at)


def _end_process_on_failure(task: asyncio.Task[None]) -> None:
    """A worker without its dispatcher or its renewals is worse than none: its supervisor starts a new one."""
    if task.cancelled() or not (error := task.exception()):
        return
    if isinstance(error, SchemaError):
        log.critical("worker.wrong_version", reason=str(error))
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
