"""Rate limits as text, and the pace that keeps within them."""

from __future__ import annotations

import random

import pytest

from retouch.errors import InputError
from retouch.provider.rates import Window, interval_ms, parse_rate, slack_ms


def test_several_windows_are_read() -> None:
    """Seconds, minutes, hours and days, with spaces where people put them."""
    assert parse_rate("10/s, 300/m,5000 / h,20000/d") == (
        Window(10, 1),
        Window(300, 60),
        Window(5000, 3600),
        Window(20000, 86400),
    )


@pytest.mark.parametrize("text", ["", "10", "10/", "0/s", "10/w", "-1/s", "10/s;3/m", "10/s,", "1e9/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    """In one sentence that shows how to write it."""
    with pytest.raises(InputError, match="10/s"):
        parse_rate(text)


@pytest.mark.parametrize("text", ["10/s", "1/s", "300/m", "10/s,300/m", "100/s,250/m", "1/h"])
def test_even_the_worst_lateness_makes_no_window_too_full(text: str) -> None:
    """Requests at the pace, each late by anything up to the slack: no sliding window holds more than its limit."""
    windows = parse_rate(text)
    pace, slack = interval_ms(windows), slack_ms(windows)
    chance = random.Random(text)
    sent = sorted(n * pace + chance.choice((0, slack, chance.uniform(0, slack))) for n in range(2000))
    for window in windows:
        for first, at in enumerate(sent):
            beyond = first + window.requests
            assert beyond >= len(sent) or sent[beyond] >= at + 1000 * window.seconds


@pytest.mark.parametrize("text", ["10/s", "300/m", "10/s,300/m"])
def test_nine_tenths_of_the_tightest_window_are_used(text: str) -> None:
    """The pace leaves little of the limit unused."""
    windows = parse_rate(text)
    allowed = min(w.requests / w.seconds for w in windows)
    assert 0.9 * allowed < 1000 / interval_ms(windows) < allowed


def test_without_a_limit_nothing_waits() -> None:
    """No pace, and no request is ever too late."""
    assert (interval_ms(()), slack_ms(())) == (0, float("inf"))
