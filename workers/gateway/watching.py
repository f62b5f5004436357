"""What changes while somebody watches: read once for all who do, and kept for those who come back."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, NamedTuple, TypeVar

import structlog
from fastapi.concurrency import run_in_threadpool

from retouch.errors import LedgerError, ServiceError

KEPT = 240  # changes, for a page that was hidden, or whose connection was cut
AGAIN_S = 1.0  # after an outage
REST, REST_S = (
    9,
    30.0,
)  # times as long as it reads, it rests, at most so long: an old batch, whose strip is not kept, takes seconds
LINGER_S = 20.0  # a page that connects again finds it at work still

log = structlog.get_logger()

S = TypeVar("S")


class Told(NamedTuple):
    """An event for the page; ``id``: where it is resumed."""

    id: str
    type: str
    data: Any


class Watch(Generic[S]):
    """Reads something again and again, as long as somebody listens; tells what differs.

    ``read`` waits for Redis, on a thread. ``change`` gives the events (type, data) between two states.
    """

    def __init__(self, read: Callable[[], S], change: Callable[[S, S], list[tuple[str, Any]]], every_s: float) -> None:
        self._read = read
        self._change = change
        self._every_s = every_s
        self._name = secrets.token_hex(4)  # of the changes that this one has: another begins anew
        self._kept: deque[Told] = deque(maxlen=KEPT)
        self._number = 0
        self._ready = asyncio.Event()
        self._news = asyncio.Event()
        self._listeners = 0
        self._task: asyncio.Task[None] | None = None
        self._away = ""
        self._closed = False

    async def listen(self, after: str, silent_s: float) -> AsyncIterator[list[Told]]:
        """The events after the one with this id; none after so many seconds without one.

        ``watching`` comes first if that id is not known (any more): what changes from now on is told, so that whoever
        reads the whole now has all.
        """
        self._listeners += 1
        self._task = self._task or asyncio.create_task(self._follow())
        try:
            place = self._place(after)
            if place is None:
                await self._ready.wait()
                place = self._number
                yield [Told(self._id(place), "watching", None)]
            if self._away:
                yield [Told(self._id(place), "away", {"detail": self._away})]
            while not self._closed:
                news = self._news
                if place < self._number:
                    missed = [told for told in self._kept if _number(told.id) > place]
                    if len(missed) < self._number - place:  # it was too slow
                        missed = [Told(self._id(self._number), "reset", None)]
                    place = self._number
                    yield missed
                    continue
                try:
                    async with asyncio.timeout(silent_s):
                        await news.wait()
                except TimeoutError:
                    yield []
        finally:
            self._listeners -= 1

    def close(self) -> None:
        """Read no more, and let the listeners go."""
        self._closed = True
        self._news.set()
        self._ready.set()
        if self._task:
            self._task.cancel()

    @property
    def ended(self) -> bool:
        """Whether it has ended, since nobody listens."""
        return self._task is not None and self._task.done()

    async def _follow(self) -> None:
        last: S | None = None
        took_s = 0.0
        alone_since = time.monotonic()
        while self._listeners or time.monotonic() - alone_since < LINGER_S:
            if self._listeners:
                alone_since = time.monotonic()
            began = time.monotonic()
            try:
                now = await run_in_threadpool(self._read)
            except (ServiceError, LedgerError) as error:
                self._tell_away(str(error))
                await asyncio.sleep(AGAIN_S)
                continue
            except Exception:  # whoever looks must not wait for ever because of one thing that cannot be read
                log.exception("watch.crashed", watch=self._name)
                self._tell_away("a bug in Retouch, which is in the gateway's log: what you see may be old")
                await asyncio.sleep(AGAIN_S)
                continue
            if self._away:
                self._tell_away("")
            for kind, data in [] if last is None else self._change(last, now):
                self._tell(kind, data)
            last = now
            self._ready.set()
            took_before_s, took_s = took_s, time.monotonic() - began
            await asyncio.sleep(max(self._every_s, rest_s(took_s, took_before_s)))

    def _tell_away(self, reason: str) -> None:
        if bool(reason) != bool(self._away):
            self._tell("away" if reason else "back", {"detail": reason})
        self._away = reason
        self._ready.set()

    def _tell(self, kind: str, data: Any) -> None:
        self._number += 1
        self._kept.append(Told(self._id(self._number), kind, data))
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _id(self, number: int) -> str:
        return f"{self._name}.{number}"

    def _place(self, after: str) -> int | None:
        """The number of the last event that is known; None if what came after it is not kept."""
        name, _, number = after.partition(".")
        if name != self._name or not number.isdecimal() or int(number) > self._number:
            return None
        return int(number) if self._number - int(number) <= len(self._kept) else None


class Watches:
    """The watches of a gateway by their names, each for all who look at the same."""

    def __init__(self) -> None:
        self._watches: dict[str, Watch[Any]] = {}

    def get(self, name: str, make: Callable[[], Watch[Any]]) -> Watch[Any]:
        """The watch of this name; it is made if there is none at work."""
        for old in [name for name, watch in self._watches.items() if watch.ended]:
            del self._watches[old]
        if name not in self._watches:
            self._watches[name] = make()
        return self._watches[name]

    def close(self) -> None:
        """Let all listeners go."""
        for watch in self._watches.values():
            watch.close()


def rest_s(took_s: float, took_before_s: float) -> float:
    """How long is rested after a read; a single one that took long did not: the process stood still meanwhile."""
    return min(REST * min(took_s, took_before_s), REST_S)


def _number(id: str) -> int:
    return int(id.partition(".")[2])
