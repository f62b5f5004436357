"""What a process keeps of a chunk that it took on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import pytest

from retouch.ledger import Claim, Step
from tests.harness.waiting import LIMIT_S
from tests.unit.worker_stage import SECRET, Worker
from workers.context import Context, Work


def take_on(worker: Worker, claims: Sequence[Claim], work: Work) -> None:
    """Hand claims over as a message from Celery does, and wait until the chunk has ended."""
    runtime = worker.runtime
    runtime.accept(claims, work)

    async def ended() -> None:
        await asyncio.gather(*runtime._chunks)

    runtime._loop.run_until_complete(ended())  # which begins after what `accept` has asked for


async def takes_up(context: Context, claims: Sequence[Claim]) -> None:
    """Hold the claims, as each step does."""
    context.leases.begin(claims, time.monotonic())


async def crashes(context: Context, claims: Sequence[Claim]) -> None:
    """Hold the claims, and meet an error of our own."""
    await takes_up(context, claims)
    raise ValueError("a bug")


@pytest.mark.parametrize("work", [takes_up, crashes])
def test_a_chunk_that_has_ended_is_held_no_longer(worker: Worker, work: Work) -> None:
    """Its claims are not renewed and its room is free, so that other workers go on with what is left of it."""
    worker.fill(2)
    free = worker.runtime.edits.free
    take_on(worker, worker.edits(), work)
    assert (worker.context.leases.open(), worker.runtime.edits.free) == ([], free)


def test_a_process_that_drains_gives_a_chunk_back(worker: Worker) -> None:
    """Nothing of it begins, and another worker may have it at once."""
    worker.fill(2)
    worker.runtime.drain()
    take_on(worker, worker.edits(), crashes)
    assert len(worker.edits()) == 2


def test_each_delivery_of_a_chunk_frees_its_room_by_itself(make_worker: Callable[..., Worker]) -> None:
    """A receiver that is slow for one event takes no room from those that are done."""
    worker = make_worker(webhook_url="https://hooks.test/", webhook_secret=SECRET)
    slow, *quick = [Claim(f"webhook/1-{n}", 1, Step.ANNOUNCE) for n in range(5)]
    room = worker.runtime.deliveries["webhook"]
    free = room.free

    async def run() -> None:
        gate, done = asyncio.Event(), asyncio.Semaphore(0)

        async def deliver(_context: Context, claims: Sequence[Claim]) -> None:
            if slow in claims:
                await gate.wait()
            done.release()

        worker.runtime.accept([slow, *quick], deliver)
        async with asyncio.timeout(LIMIT_S):
            for _ in quick:
                await done.acquire()
        await asyncio.sleep(0)  # their ends have their turn
        assert room.free == free - 1
        gate.set()
        await asyncio.gather(*worker.runtime._chunks)

    worker.runtime._loop.run_until_complete(run())
    assert room.free == free


def test_a_delivery_to_a_sink_of_others_is_left_alone(make_worker: Callable[..., Worker]) -> None:
    """Its message came to the wrong process; its lease brings it to the right one."""
    worker = make_worker()
    take_on(worker, [Claim("webhook/1-1", 1, Step.ANNOUNCE)], crashes)
    assert worker.context.leases.open() == []
