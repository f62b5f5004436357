"""The dispatcher: claims what is due and wakes workers, with one message for each chunk of claims.

One runs in every worker process. Claims are atomic, so no leader is needed, and any free worker takes the message.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

import structlog

from config.celery import CHUNK, MAX_BACKLOG, queue_of
from config.settings import Settings
from retouch.events.sinks.spec import BATCH_SINKS
from retouch.ledger import Claim, Harvest, Step, Worker
from workers.api_watch import ApiWatch
from workers.capacity import Capacity
from workers.context import Context

log = structlog.get_logger()

TICK_S = 0.1  # while there is work: long enough to fill chunks, short beside any API call
IDLE_S = 0.1  # while there is none
LOOK_S = 3.0  # for the API's first answer; what comes later is not waited for
AT_ONCE = 2 * CHUNK  # claims of one kind in one go
DELIVERIES_AT_ONCE = 128  # to one sink in one go

Send = Callable[[Step, Sequence[Claim]], None]
Backlog = Callable[[], int]


def chunks(claims: Sequence[Claim]) -> Iterator[tuple[Step, Sequence[Claim]]]:
    """Sort claims by step, and by the queue that they go to, in chunks of at most CHUNK."""
    kinds: dict[tuple[Step, str], list[Claim]] = defaultdict(list)
    for claim in claims:
        kinds[claim.step, queue_of(claim)].append(claim)
    for (step, _), of_kind in kinds.items():
        for first in range(0, len(of_kind), CHUNK):
            yield step, of_kind[first : first + CHUNK]


class Dispatcher:
    """Claims and sends for as long as its process takes on work.

    ``edits`` and ``deliveries``: how much of each the process can still take; of deliveries to each sink, and to the
    sinks of batches together. ``send`` publishes a chunk, ``backlog`` counts messages that wait.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        ledger: Worker,
        context: Context,
        watch: ApiWatch,
        *,
        edits: Capacity,
        deliveries: Mapping[str, Capacity],
        send: Send,
        backlog: Backlog,
    ) -> None:
        self._name = name
        self._settings = settings
        self._ledger = ledger
        self._call = context.call
        self._context = context
        self._watch = watch
        self._edits = edits
        self._deliveries = deliveries
        self._send = send
        self._backlog = backlog
        self._ended = asyncio.Event()
        self._looked = False  # at the API: before the first submit
        self._questions: set[asyncio.Task[None]] = set()

    def end(self) -> None:
        """Claim nothing more. What is being claimed is still sent: cancelled, it would wait for its lease."""
        self._ended.set()

    async def run(self, may_begin: asyncio.Event) -> None:
        """Claim and send until told to end. An error of the broker delays claims by one lease; the loop goes on."""
        while not (may_begin.is_set() or self._ended.is_set()):
            await self._rest(IDLE_S)
        while not (self._looked or self._ended.is_set()):
            await self._look()
        while not self._ended.is_set():
            pause = IDLE_S
            if await self._call(self._backlog) < MAX_BACKLOG:
                harvest = await self._claim()
                if harvest.claims:
                    pause = 0 if len(harvest.claims) >= AT_ONCE else TICK_S
                    await self._send_all(harvest.claims)
            await self._rest(pause)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)

    async def _look(self) -> None:
        """Ask the API whether it answers, before the first submit, when the rate limit allows it."""
        asked_at = time.monotonic()
        harvest = await self._call(
            lambda: self._ledger.claim(
                self._name,
                lease_ms=self._settings.lease_ms,
                places=self._settings.places,
                intervals=self._settings.intervals,
                submits=0,
                polls=0,
                deliveries=0,
                ask=True,
            )
        )
        self._hear(harvest, asked_at)
        self._looked = harvest.ask_at is not None or bool(harvest.pauses)
        if harvest.ask_at is not None:
            with suppress(TimeoutError):
                done = await asyncio.wait_for(self._watch.look(harvest.ask_at), LOOK_S)
                self._looked = done or bool(harvest.pauses)
        elif not self._looked:
            await self._rest(IDLE_S)

    async def _claim(self) -> Harvest:
        settings = self._settings
        most = min(AT_ONCE, self._edits.free) if self._context.store_watch.good else 0
        room = {sink: min(DELIVERIES_AT_ONCE, capacity.free) for sink, capacity in self._deliveries.items()}
        asked_at = time.monotonic()
        harvest = await self._call(
            self._ledger.claim,
            self._name,
            lease_ms=settings.lease_ms,
            places=settings.places,
            intervals=settings.intervals,
            policy=settings.ambiguity_policy,
            submits=most,
            polls=most,
            deliveries=room[BATCH_SINKS],
            sinks={sink: room[sink] for sink in settings.all_sinks},
        )
        self._hear(harvest, asked_at)
        if harvest.ask_at is not None:
            question = asyncio.create_task(self._watch.ask(harvest.ask_at))
            self._questions.add(question)
            question.add_done_callback(self._questions.discard)
        return harvest

    def _hear(self, harvest: Harvest, asked_at: float) -> None:
        self._context.clock.see(harvest.now, asked_at)
        self._context.pauses.see(harvest.pauses)

    async def _send_all(self, claims: Sequence[Claim]) -> None:
        loop = asyncio.get_running_loop()
        for step, chunk in chunks(claims):
            try:
                await loop.run_in_executor(None, self._send, step, chunk)
            except ConnectionError as error:
                log.warning("dispatch.failed", step=step, claims=len(chunk), reason=str(error))
