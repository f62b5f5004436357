"""Coroutines for callers that are not asynchronous."""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import Future
from threading import Condition, Event, Thread, current_thread, get_ident, main_thread
from typing import Any

import pytest

from retouch import blocking
from retouch.blocking import result_of, run, together
from tests.harness.waiting import LIMIT_S


def test_many_threads_and_a_running_loop_share_one_loop() -> None:
    """So that what is opened in one call is good in the next."""

    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    found = [run(loop())]
    threads = [Thread(target=lambda: found.append(run(loop()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    async def cell() -> None:
        found.append(run(loop()))

    asyncio.run(cell())
    assert (len(found), len(set(found))) == (10, 1)


def test_an_interrupt_is_raised_when_the_coroutine_has_ended() -> None:
    """It can put things in order first."""
    ended = Event()

    async def interrupted() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    with pytest.raises(KeyboardInterrupt):
        run(interrupted())
    assert ended.is_set()


def test_an_interrupt_that_wakes_nobody_is_seen() -> None:
    """As one that comes in the moment before the wait begins; here another thread takes it."""

    async def interrupted() -> None:
        signal.pthread_kill(get_ident(), signal.SIGINT)
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        run(interrupted())


def test_an_interrupt_after_the_end_is_raised_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for that has come already."""
    wait, interrupts = blocking._Once.wait, [KeyboardInterrupt]

    def interrupted(once: blocking._Once) -> None:
        wait(once)
        for interrupt in interrupts[:]:
            interrupts.remove(interrupt)
            raise interrupt

    monkeypatch.setattr(blocking._Once, "wait", interrupted)
    ends: list[object] = []

    def program() -> None:
        with pytest.raises(KeyboardInterrupt):
            run(asyncio.sleep(0))
        ends.append(run(asyncio.sleep(0, "later")))

    thread = Thread(target=program, daemon=True)  # it would hang for ever
    thread.start()
    thread.join(LIMIT_S)
    assert ends == ["later"]


def test_no_wait_makes_an_error_of_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a Condition's does, if a signal comes when its lock is released: RuntimeError is raised over Ctrl-C."""
    run(asyncio.sleep(0))  # the loop is there
    wait = Condition.wait

    def elsewhere(condition: Condition, timeout: float | None = None) -> bool:
        assert current_thread() is not main_thread(), "the main thread waits with a Condition"
        return wait(condition, timeout)

    monkeypatch.setattr(Condition, "wait", elsewhere)
    assert run(asyncio.sleep(0, "done")) == "done"

    class Asked(Future[str]):
        def add_done_callback(self, fn: Any) -> None:
            super().add_done_callback(fn)
            self.set_result("done")  # never before it is waited for

    assert result_of(Asked()) == "done"


def test_when_one_fails_the_others_have_ended_before_that_is_told() -> None:
    """They would go on unseen on a loop that stays."""
    others: list[asyncio.Task[Any] | None] = []

    async def waits() -> None:
        others.append(asyncio.current_task())
        await asyncio.Event().wait()

    async def fails() -> None:
        raise ValueError("this one")

    async def all_of_them() -> list[bool]:
        with pytest.raises(ValueError, match="this one"):
            await together([waits(), fails(), waits()])
        return [task.done() for task in others if task]

    assert run(all_of_them()) == [True, True]
