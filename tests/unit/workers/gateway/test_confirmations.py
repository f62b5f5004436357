"""Requests that wait until what they wrote is on the disk of Redis, which may take a second."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from retouch.errors import LedgerAwayError
from retouch.ledger import Ledger
from retouch.queue import EditQueue
from tests.harness.waiting import LIMIT_S, until
from tests.unit.workers.gateway.bodies import JSONL, edit, lines
from tests.unit.workers.gateway.conftest import Caller, Client
from workers.gateway.confirmations import Confirmations
from workers.gateway.native.submit import AT_ONCE


class Disk:
    """Answers a question when it may: ``let`` one, or all."""

    def __init__(self, answer: Callable[[], bool] = lambda: True) -> None:
        self.asked = 0
        self._answer = answer
        self._may = threading.Semaphore(0)

    def __call__(self) -> bool:
        self.asked += 1
        assert self._may.acquire(timeout=LIMIT_S)
        return self._answer()

    def let(self, times: int = 1) -> None:
        self._may.release(times)


async def waiting(of: Confirmations, count: int) -> list[asyncio.Task[bool]]:
    """So many that wait."""
    tasks = [asyncio.create_task(of.confirmed()) for _ in range(count)]
    await asyncio.sleep(0)  # they have begun
    return tasks


async def asked(disk: Disk, times: int) -> None:
    """Until the disk was asked so often."""
    await asyncio.to_thread(until, lambda: disk.asked == times, f"asked {times} times")


def test_who_waits_shares_one_question() -> None:
    """Who comes while it is under way shares the next one: it may have been asked before they wrote."""
    disk = Disk()

    async def run() -> None:
        confirmations = Confirmations(disk)
        first = await waiting(confirmations, 3)
        await asked(disk, 1)
        later = await waiting(confirmations, 5)
        disk.let()
        assert await asyncio.gather(*first) == [True] * 3
        await asked(disk, 2)
        assert not any(one.done() for one in later)
        disk.let()
        assert await asyncio.gather(*later) == [True] * 5
        assert disk.asked == 2

    asyncio.run(run())


def test_who_goes_away_leaves_the_others_their_answer() -> None:
    """A caller may hang up while it waits."""
    disk = Disk()

    async def run() -> None:
        first, second = await waiting(Confirmations(disk), 2)
        await asked(disk, 1)
        first.cancel()
        disk.let()
        assert await second

    asyncio.run(run())


def test_a_failure_is_told_to_all_who_wait_and_ends_with_them() -> None:
    """The next question is asked."""

    def away() -> bool:
        if disk.asked == 1:
            raise LedgerAwayError("connection refused")
        return True

    disk = Disk(away)
    disk.let(2)

    async def run() -> None:
        confirmations = Confirmations(disk)
        both = await asyncio.gather(*await waiting(confirmations, 2), return_exceptions=True)
        assert [type(one) for one in both] == [LedgerAwayError] * 2
        assert await confirmations.confirmed()

    asyncio.run(run())


def test_a_slow_disk_holds_no_thread_of_those_who_write(
    client: Client, queue: EditQueue, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More requests than there are threads are written, and each is answered when what it wrote is on disk."""
    caller, disk, many = client(), Disk(), 3 * AT_ONCE
    monkeypatch.setattr(ledger.producer, "wait_for_disk", disk)

    def post(number: int) -> tuple[int, bool]:
        one = Caller(caller.url, caller.token)
        answer = one.post(f"/v1/batches/b{number}", data=lines(edit()), headers=JSONL)
        return answer.status_code, answer.json()["on_disk"]

    with ThreadPoolExecutor(many) as pool:
        answers = [pool.submit(post, number) for number in range(many)]
        try:
            until(lambda: len(queue.batches()) == many, "all are written")
            assert not any(one.done() for one in answers)
        finally:
            disk.let(many)
        assert [one.result(LIMIT_S) for one in answers] == [(201, True)] * many
    assert disk.asked < many
