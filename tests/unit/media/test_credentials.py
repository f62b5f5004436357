"""The credentials for S3: renewed in a thread, and asked for on an event loop that never waits for them."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from retouch.errors import StoreError, StoreRefusedError, StoreUnavailableError
from retouch.media import credentials
from retouch.media.credentials import AccessKey, Credentials

SOON_S = 0.05  # how long callers wait
LIMIT_S = 20.0


class Source:
    """Gives keys k1, k2, …; or is slow until it is ``let_go``, or fails with ``error``."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.threads: set[threading.Thread] = set()
        self._open = threading.Event()
        self.let_go()

    def stall(self) -> None:
        self._open.clear()

    def let_go(self) -> None:
        self._open.set()

    def __call__(self) -> AccessKey:
        self.asked += 1
        self.threads.add(threading.current_thread())
        name = f"k{self.asked}"
        assert self._open.wait(LIMIT_S)
        if self.error:
            raise self.error
        return AccessKey(name, "s", None)


class Clock:
    """Measured time that stands still, and can be put forward."""

    def __init__(self) -> None:
        self._stands_at_s = time.monotonic()
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return self._stands_at_s + self.ahead_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(credentials, "time", clock)
    return clock


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def keys(source: Source) -> Credentials:
    return Credentials(source, lambda error: StoreRefusedError(str(error)))


async def renewed(keys: Credentials) -> None:
    """Wait for the answer to the question that is open."""
    assert keys._renewal
    await asyncio.wait_for(asyncio.shield(keys._renewal), LIMIT_S)


def test_one_question_serves_all_for_a_minute(source: Source, keys: Credentials, clock: Clock) -> None:
    """Asked in a thread of its own, which does not keep the process."""

    async def work() -> None:
        assert {key.name for key in await asyncio.gather(*(keys.get(LIMIT_S) for _ in range(50)))} == {"k1"}
        clock.ahead_s = credentials.FRESH_S - 1
        assert (await keys.get(SOON_S)).name == keys.held().name == "k1"

    asyncio.run(work())
    [thread] = source.threads
    assert (source.asked, thread.daemon, thread is threading.main_thread()) == (1, True, False)


def test_what_is_a_minute_old_is_renewed_and_nobody_waits(source: Source, keys: Credentials, clock: Clock) -> None:
    """The old ones are good for five minutes: whoever gives new ones may take his time."""

    async def work() -> None:
        await keys.get(LIMIT_S)
        source.stall()
        clock.ahead_s = credentials.FRESH_S + 1
        assert (await asyncio.wait_for(keys.get(LIMIT_S), LIMIT_S / 4)).name == "k1"
        source.let_go()
        await renewed(keys)
        assert keys.held().name == "k2"

    asyncio.run(work())
    assert source.asked == 2


def test_a_stall_is_waited_for_once_and_over_when_it_ends(source: Source, keys: Credentials, clock: Clock) -> None:
    """The first callers wait, so long from the question on; later ones do not, and no second question is asked."""

    async def work() -> None:
        await keys.get(LIMIT_S)
        source.stall()
        clock.ahead_s = credentials.USABLE_S + 1
        began_at = time.monotonic()
        with pytest.raises(StoreUnavailableError, match="AWS credentials cannot be renewed: no answer for 0 s"):
            await keys.get(SOON_S)
        assert time.monotonic() - began_at >= SOON_S * 0.9
        clock.ahead_s += 100
        for ask in (keys.get, lambda _s: asyncio.sleep(0, keys.held())):
            with pytest.raises(StoreUnavailableError, match="no answer for 100 s"):
                await asyncio.wait_for(ask(LIMIT_S / 2), LIMIT_S / 4)
        source.let_go()
        await renewed(keys)
        assert (await keys.get(LIMIT_S)).name in ("k2", "k3")

    asyncio.run(work())
    assert source.asked <= 3


def test_a_failure_is_told_at_once_and_tried_again_after_a_second(
    source: Source, keys: Credentials, clock: Clock
) -> None:
    """Whatever kind of error it is; callers in between hear of it without a question."""

    async def work() -> None:
        source.error = RuntimeError("why")
        for _ in range(5):
            with pytest.raises(StoreRefusedError, match="why"):
                await keys.get(LIMIT_S)
        assert source.asked == 1
        source.error = None
        clock.ahead_s = credentials.AGAIN_S + 0.1
        assert (await keys.get(LIMIT_S)).name == "k2"

    asyncio.run(work())


def test_a_stall_outlives_its_loop_and_keeps_nothing(source: Source, keys: Credentials) -> None:
    """A command that ends does not wait for it."""
    source.stall()

    async def work() -> None:
        with pytest.raises(StoreError):
            await keys.get(SOON_S)

    asyncio.run(work())
    source.let_go()
    [thread] = source.threads
    thread.join(LIMIT_S)
    assert not thread.is_alive()
