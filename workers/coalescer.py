"""Group commit: many small writes become one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Coalescer(Generic[Item, Answer]):
    """Gathers items for ``linger_s`` seconds, or while a write is under way, and writes them together.

    At most ``limit`` items go into one write, and one write is under way at a time. ``write`` returns one answer
    an item, in order; an exception from it reaches every caller of that batch. Bound to one event loop.
    """

    def __init__(
        self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]], *, limit: int, linger_s: float = 0.0
    ) -> None:
        self._write = write
        self._limit = limit
        self._linger_s = linger_s
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Answer:
        """Write one item; returns its answer when it is written."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writer is None:
            self._writer = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                if len(self._waiting) < self._limit:
                    await asyncio.sleep(self._linger_s)
                batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                await self._write_batch(batch)
        finally:
            self._writer = None

    async def _write_batch(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._write([item for item, _ in batch])
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():  # its caller may have been cancelled
                future.set_result(answer)
