"""Coroutines for callers that are not asynchronous."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterable
from concurrent.futures import Future
from functools import lru_cache
from threading import Lock, Thread
from typing import Any, TypeVar

T = TypeVar("T")
SEEN_S = 0.5  # after which a signal is seen that came in the one moment at which it wakes nobody
_starting = Lock()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, on the one loop that a process keeps for it: what is opened there can be kept.

    It is called from any thread, also where an event loop runs already, as in a notebook. Ctrl-C cancels the
    coroutine, and is raised when that has ended.
    """
    with _starting:  # else two threads that are the first would have a loop each
        loop = _loop(os.getpid())
    ended, stopped, tasks = _Once(), _Once(), list[asyncio.Task[T]]()

    def start() -> None:
        tasks.append(loop.create_task(coroutine))
        tasks[0].add_done_callback(ended.tell)

    def stop() -> None:
        if tasks:
            tasks[0].add_done_callback(stopped.tell)  # called also if it has ended
            tasks[0].cancel()
        else:  # interrupted before it began
            coroutine.close()
            stopped.tell()

    try:
        loop.call_soon_threadsafe(start)
        ended.wait()
    except BaseException:
        loop.call_soon_threadsafe(stop)
        stopped.wait()
        raise
    return tasks[0].result()


def result_of(future: Future[T]) -> T:
    """Wait for a future of a thread, and return or raise what it does; Ctrl-C is raised as such at any moment."""
    done = _Once()
    future.add_done_callback(done.tell)
    done.wait()
    return future.result()


class _Once:
    """One wait for one thing that is told. A signal can end the wait at any moment.

    Within an Event's or a Future's wait there is a moment at which RuntimeError is raised over it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._lock.acquire()

    def tell(self, _of: object = None) -> None:
        self._lock.release()

    def wait(self) -> None:
        # One call in C: a signal comes before it or after it. One that comes as it begins wakes nobody, and is seen
        # when it returns.
        while not self._lock.acquire(timeout=SEEN_S):
            pass


@lru_cache(maxsize=1)
def _loop(_process: int) -> asyncio.AbstractEventLoop:  # a thread is not there in a process that was forked
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="retouch-blocking", daemon=True).start()
    return loop


async def together(coroutines: Iterable[Coroutine[Any, Any, object]]) -> None:
    """Run coroutines side by side; when one raises, the others have ended before that is raised here."""
    tasks = [asyncio.ensure_future(each) for each in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
