"""Coroutines for callers that are not asynchronous."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterable
from functools import lru_cache
from threading import Event, Lock, Thread
from typing import Any, TypeVar

T = TypeVar("T")
_starting = Lock()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, on the one loop that a process keeps for it: what is opened there can be kept.

    It is called from any thread, also where an event loop runs already, as in a notebook. Ctrl-C cancels the
    coroutine, and is raised when that has ended.
    """
    with _starting:  # else two threads that are the first would have a loop each
        loop = _loop(os.getpid())
    ended, tasks = Event(), list[asyncio.Task[T]]()

    def start() -> None:
        tasks.append(loop.create_task(coroutine))
        tasks[0].add_done_callback(lambda _task: ended.set())

    def stop() -> None:
        if tasks:
            tasks[0].cancel()
        else:  # interrupted before it began
            coroutine.close()
            ended.set()

    try:
        loop.call_soon_threadsafe(start)
        ended.wait()
    except BaseException:
        loop.call_soon_threadsafe(stop)
        ended.wait()
        raise
    return tasks[0].result()


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
