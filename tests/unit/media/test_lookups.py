"""Names are looked up in threads of each client: one that hangs keeps no other client waiting."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from retouch.media import fetch
from retouch.net.addresses import PrivateHosts
from tests.harness.waiting import LIMIT_S, until


def test_lookups_that_hang_take_no_threads_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink's name, which anybody may choose, delays neither another client's lookups nor the loop's own threads."""
    gate, hanging, real = threading.Event(), threading.Semaphore(0), socket.getaddrinfo

    def look_up(host: str, port: int, **options: Any) -> list[Any]:
        if host == "hangs.test":
            hanging.release()
            gate.wait(2 * LIMIT_S)
        return real("127.0.0.1", port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    allowed = PrivateHosts(["hangs.test", "quick.test"])

    async def run() -> str:
        loop = asyncio.get_running_loop()
        one, other = (fetch._PublicResolver(allowed, 2 * LIMIT_S) for _ in range(2))
        waiting = [asyncio.create_task(one.resolve("hangs.test", 80, socket.AF_INET)) for _ in range(100)]
        await asyncio.to_thread(hanging.acquire)
        async with asyncio.timeout(LIMIT_S):
            [found] = await other.resolve("quick.test", 80, socket.AF_INET)
            await loop.run_in_executor(None, lambda: None)
        assert not any(task.done() for task in waiting)
        gate.set()
        await asyncio.gather(*waiting)
        await asyncio.gather(one.close(), other.close())
        return found["host"]

    assert asyncio.run(run()) == "127.0.0.1"


def test_a_name_that_hangs_takes_one_place_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one batch whose webhook's name hangs kept the webhooks of all other batches from being called."""
    gate, hanging, real = threading.Event(), [], socket.getaddrinfo

    def look_up(host: str, port: int, **options: Any) -> list[Any]:
        if host == "hangs.test":
            hanging.append(host)
            gate.wait(2 * LIMIT_S)
            raise socket.gaierror(-2, "no such name")
        return real("127.0.0.1", port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    async def run() -> None:
        resolver = fetch._PublicResolver(PrivateHosts(["hangs.test", "quick.test"]), 2 * LIMIT_S)
        waiting = [asyncio.create_task(resolver.resolve("hangs.test", 80, socket.AF_INET)) for _ in range(100)]
        async with asyncio.timeout(LIMIT_S):
            [found] = await resolver.resolve("quick.test", 80, socket.AF_INET)
        assert found["host"] == "127.0.0.1"
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        gate.set()
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in told[1:]] == [socket.gaierror] * 99
        assert hanging == ["hangs.test"]
        gate.clear()
        again = asyncio.create_task(resolver.resolve("hangs.test", 80, socket.AF_INET))
        await asyncio.to_thread(until, lambda: len(hanging) > 1, "it is asked anew, since what is checked must be new")
        gate.set()
        await asyncio.wait([again])
        assert hanging == ["hangs.test"] * 2
        await resolver.close()

    asyncio.run(run())
