"""A process keeps to the moments that the ledger gives."""

from __future__ import annotations

import asyncio
import time

import pytest

from retouch.ledger import Claim, Step
from tests.harness.waiting import LIMIT_S
from workers.pacer import Pacer
from workers.server_clock import ServerClock

SERVER_AHEAD_MS = 5_000_000.0


def now_ms() -> int:
    """The server's clock, which is far from this process's."""
    return int(1000 * time.monotonic() + SERVER_AHEAD_MS)


@pytest.fixture
def clock() -> ServerClock:
    """The server's clock, seen once."""
    one = ServerClock()
    one.see(now_ms(), time.monotonic())
    return one


@pytest.fixture
def pace(clock: ServerClock) -> Pacer:
    """A pacer by the server's clock."""
    return Pacer(clock, slack_ms=1000 * LIMIT_S)


def claim(at_ms: int) -> Claim:
    return Claim("b/c", 1, Step.POLL, at_ms)


def test_a_moment_is_waited_for(pace: Pacer) -> None:
    """The request goes no earlier than its moment, by the server's clock."""
    at = now_ms() + 50
    asyncio.run(pace.wait(at))
    assert now_ms() >= at - 2


@pytest.mark.parametrize(("late_ms", "may"), [(-100, True), (500, True), (2000 * LIMIT_S, False)])
def test_a_moment_that_is_over_is_not_in_time(pace: Pacer, late_ms: float, may: bool) -> None:
    """A little late is within the slack; later than that would fill somebody else's window."""
    assert pace.in_time(claim(now_ms() - round(late_ms))) is may


def test_without_a_moment_it_goes_at_once(pace: Pacer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is paced: it is in time whenever it goes."""
    monkeypatch.setattr(asyncio, "sleep", None)
    asyncio.run(pace.wait(0))
    assert pace.in_time(claim(0))


def test_a_slow_answer_does_not_spoil_what_is_known_of_the_clock(pace: Pacer, clock: ServerClock) -> None:
    """Of several looks at the server's clock the quickest counts."""
    clock.see(now_ms(), time.monotonic() - 100)
    at = now_ms() + 30
    asyncio.run(pace.wait(at))
    assert pace.in_time(claim(at))
    assert abs(now_ms() - at) < 1000 * LIMIT_S
