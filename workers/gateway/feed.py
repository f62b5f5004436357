"""The ledger's events, followed once for all who listen in this process."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from itertools import islice

import structlog
from fastapi.concurrency import run_in_threadpool

from retouch.errors import ServiceError
from retouch.event_log import OLDEST, CloudEvent, place_of
from retouch.queue import EditQueue

AT_ONCE = 500  # events of the ledger that are read in one go
KEPT = 1000  # events that a slow listener is behind; then it reads them from the ledger again
_AGAIN_S = 1.0

log = structlog.get_logger()

Wanted = Callable[[CloudEvent], bool]


class Listener:
    """What one caller hears. ``behind``: it was too slow, and events are missing here."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._events: asyncio.Queue[CloudEvent | None] = asyncio.Queue()
        self.behind = False

    def tell(self, event: CloudEvent | None) -> None:
        """Hand it an event; None: there are no more."""
        if event is not None and not self._wanted(event):
            return
        if self._events.qsize() >= KEPT:
            self.behind = True
            while not self._events.empty():
                self._events.get_nowait()
        self._events.put_nowait(event)

    async def next(self, within_s: float) -> CloudEvent | None:
        """The next event; None if the gateway ends. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            return await self._events.get()


class Feed:
    """Follows the events from the first listener on, on a thread of its own, through outages of Redis."""

    def __init__(self, queue: EditQueue) -> None:
        self._queue = queue
        self._listeners: set[Listener] = set()
        self._closed = False
        self._place = OLDEST  # of the newest event that the listeners were told
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Follow from now on, if it does not yet; raises ServiceError if Redis cannot be used."""
        async with self._starting:
            if self._loop is None:
                self._place = await run_in_threadpool(self._queue.newest_event)
                self._loop = asyncio.get_running_loop()
                # A daemon: it may wait for Redis for ever.
                threading.Thread(target=self._follow, args=[self._place], name="gateway-feed", daemon=True).start()

    @contextmanager
    def listening(self, wanted: Wanted) -> Iterator[Listener]:
        """Hear of these events; only when it has started."""
        listener = Listener(wanted)
        self._listeners.add(listener)
        if self._closed:
            listener.tell(None)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    async def events(self, after: str, wanted: Wanted, silent_s: float) -> AsyncIterator[list[CloudEvent]]:
        """These events after a place in the stream (empty: from now on), and none after so many seconds without one.

        Nothing is missed: what the ledger has is read after the listening began. Ends with the gateway.
        """
        with self.listening(wanted) as listener:
            last, behind = after or self._place, bool(after)
            while True:
                if behind or listener.behind:
                    behind = listener.behind = False
                    async for page in self._pages(last):
                        last = place_of(page[-1]["id"])
                        if told := list(filter(wanted, page)):
                            yield told
                try:
                    heard = await listener.next(silent_s)
                except TimeoutError:
                    yield []
                    continue
                if heard is None:
                    return
                if listener.behind:  # what comes before it was dropped
                    continue
                if _order(place_of(heard["id"])) > _order(last):
                    last = place_of(heard["id"])
                    yield [heard]

    async def earlier(self, after: str, wanted: Wanted) -> AsyncIterator[list[CloudEvent]]:
        """These events after a place in the stream, to the newest; none for a page that has none of them."""
        async for page in self._pages(after):
            yield list(filter(wanted, page))

    async def _pages(self, after: str) -> AsyncIterator[list[CloudEvent]]:
        found = self._queue.events(after)
        while page := await run_in_threadpool(lambda: list(islice(found, AT_ONCE))):
            yield page

    def close(self) -> None:
        """Tell all listeners that there is no more."""
        self._closed = True
        for listener in set(self._listeners):
            listener.tell(None)

    def _follow(self, last: str) -> None:
        while not self._closed:
            try:
                for event in self._queue.events(last, follow=True):
                    last = place_of(event["id"])
                    if not self._hand_over(event):
                        return
            except ServiceError:  # what no waiting mends; a person may
                time.sleep(_AGAIN_S)
            except Exception:  # whoever listens must not wait for ever because of one event that cannot be read
                log.exception("feed.crashed", after=last)
                last = self._newest(last)

    def _newest(self, otherwise: str) -> str:
        time.sleep(_AGAIN_S)
        try:
            return self._queue.newest_event()
        except ServiceError:
            return otherwise

    def _hand_over(self, event: CloudEvent) -> bool:
        """Give an event to the loop; False if that has ended."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._tell, event)
        except RuntimeError:
            return False
        return True

    def _tell(self, event: CloudEvent) -> None:
        self._place = place_of(event["id"])
        for listener in list(self._listeners):
            listener.tell(event)


def _order(place: str) -> tuple[int, int]:
    ms, _, number = place.partition("-")
    return int(ms), int(number)
