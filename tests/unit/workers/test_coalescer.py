"""Group commit: nothing lost, nothing mixed up, and the larger the load the fewer the writes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from workers.coalescer import Coalescer


class Disk:
    """What is written to: each write waits for ``gate`` and answers ten times the item."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self.writes: list[list[int]] = []

    async def write(self, items: Sequence[int]) -> Sequence[int]:
        """Write."""
        self.writes.append(list(items))
        self.begun.set()
        await self.gate.wait()
        if 13 in items:
            raise OSError("no luck")
        return [10 * item for item in items]


def test_a_lone_item_is_written_at_once() -> None:
    """Nothing waits for company."""

    async def run() -> None:
        disk = Disk()
        assert await Coalescer(disk.write, limit=10)(1) == 10
        assert disk.writes == [[1]]

    asyncio.run(run())


def test_what_arrives_during_a_write_goes_together_in_order() -> None:
    """While one write is under way the others gather, up to the limit, and each gets its own answer."""

    async def run() -> None:
        disk = Disk()
        disk.gate.clear()
        coalesce = Coalescer(disk.write, limit=3)
        first = asyncio.create_task(coalesce(0))
        await disk.begun.wait()
        rest = [asyncio.create_task(coalesce(n)) for n in range(1, 6)]
        await asyncio.sleep(0)
        disk.gate.set()
        assert await asyncio.gather(first, *rest) == [0, 10, 20, 30, 40, 50]
        assert disk.writes == [[0], [1, 2, 3], [4, 5]]

    asyncio.run(run())


def test_an_error_reaches_its_batch_alone() -> None:
    """Whoever was in the failed write hears of it; the next write is a new one."""

    async def run() -> None:
        disk = Disk()
        coalesce = Coalescer(disk.write, limit=2)
        answers = await asyncio.gather(*(coalesce(n) for n in (12, 13, 14)), return_exceptions=True)
        assert [type(a) for a in answers[:2]] == [OSError, OSError]
        assert answers[2] == 140

    asyncio.run(run())


def test_a_caller_that_gives_up_takes_nobody_with_it() -> None:
    """A cancelled caller's item is still written, and its neighbours get their answers."""

    async def run() -> None:
        disk = Disk()
        disk.gate.clear()
        coalesce = Coalescer(disk.write, limit=10)
        gone, stays = asyncio.create_task(coalesce(1)), asyncio.create_task(coalesce(2))
        await disk.begun.wait()
        gone.cancel()
        disk.gate.set()
        assert await stays == 20
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(run())
