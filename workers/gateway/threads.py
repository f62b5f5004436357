"""Threads of their own for what waits for another system: where it hangs, the gateway's other threads are free."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

T = TypeVar("T")


class Threads:
    """So many calls at a time; others wait, without a thread."""

    def __init__(self, at_once: int) -> None:
        self._places = CapacityLimiter(at_once)

    async def run(self, call: Callable[..., T], *args: Any) -> T:
        """What the call returns or raises."""
        return await run_sync(partial(call, *args), limiter=self._places)

    async def each(self, items: Iterator[T]) -> AsyncIterator[T]:
        """The items, of which each is waited for on a thread."""
        end = object()
        while (item := await self.run(next, items, end)) is not end:
            yield item
