"""A process keeps to the moments that the ledger gives."""

from __future__ import annotations

import asyncio
import time

import pytest

from retouch.ledger import Claim
from retouch.states import Step
from workers.pace import Pace

SERVER_AHEAD_MS = 5_000_000.0


def now_ms() -> int:
    """The server's clock, which is far from this process's."""
    return int(1000 * time.monotonic() + SERVER_AHEAD_MS)


@pytest.fixture
def pace() -> Pace:
    """A pace that has seen the server's clock."""
    one = Pace(slack_ms=1000)
    one.see(now_ms(), time.monotonic())
    return one


def claim(at_ms: int) -> Claim:
    return Claim("b/c", 1, Step.POLL, at_ms)


def test_a_moment_is_waited_for(pace: Pace) -> None:
    """The request goes no earlier than its moment, by the server's clock."""
    at = now_ms() + 50
    assert asyncio.run(pace.moment(claim(at)))
    assert now_ms() >= at - 2


@pytest.mark.parametrize(("late_ms", "may"), [(500, True), (2000, False)])
def test_a_moment_that_is_over_is_given_back(pace: Pace, late_ms: int, may: bool) -> None:
    """A little late is within the slack; later than that would fill somebody else's window."""
    assert asyncio.run(pace.moment(claim(now_ms() - late_ms))) is may


def test_without_a_moment_it_goes_at_once(pace: Pace) -> None:
    """Nothing is paced."""
    assert asyncio.run(pace.moment(claim(0)))


def test_a_slow_answer_does_not_spoil_what_is_known_of_the_clock(pace: Pace) -> None:
    """Of several looks at the server's clock the quickest counts."""
    pace.see(now_ms(), time.monotonic() - 100)
    at = now_ms() + 30
    assert asyncio.run(pace.moment(claim(at)))
    assert abs(now_ms() - at) < 5000
