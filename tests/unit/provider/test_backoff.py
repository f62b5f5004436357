"""Waiting times: bounded, growing, and never in step with each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from retouch.provider.backoff import POLL_CAP_S, RETRY_CAP_S, poll_delay_s, retry_delay_s

COUNTS = st.integers(0, 10**6)
CHANCE = st.floats(0, 1, exclude_max=True)


def test_polls_begin_after_a_second_and_slow_down_to_ten() -> None:
    """Without jitter: 1 s, half as long again each time, and 10 s from then on."""
    delays = [poll_delay_s(polls, 0.5) for polls in range(8)]
    assert delays == [1.0, 1.5, 2.25, 3.375, 5.0625, 7.59375, 10.0, 10.0]


@given(polls=COUNTS, chance=CHANCE)
def test_a_poll_is_a_fifth_early_or_late_at_most(polls: int, chance: float) -> None:
    """However often an edit was polled, the jitter stays within a fifth, and the cap holds."""
    plain = poll_delay_s(polls, 0.5)
    assert 0.8 * plain <= poll_delay_s(polls, chance) * (1 + 1e-9) <= 1.2 * plain * (1 + 1e-6)
    assert plain <= POLL_CAP_S


@given(polls=COUNTS, chance=CHANCE)
def test_polls_never_become_more_frequent(polls: int, chance: float) -> None:
    """With the same chance a later poll waits at least as long as an earlier one."""
    assert poll_delay_s(polls, chance) <= poll_delay_s(polls + 1, chance)


def test_retries_double_from_half_a_second_up_to_thirty() -> None:
    """At its longest: 0.5, 1, 2 … 16, 30, 30 s."""
    longest = [retry_delay_s(tries, 1.0) for tries in range(8)]
    assert longest == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


@given(tries=COUNTS, chance=CHANCE)
def test_a_retry_takes_a_half_to_the_whole_of_its_time(tries: int, chance: float) -> None:
    """Jitter never brings a retry forward by more than half, nor beyond the cap."""
    whole = retry_delay_s(tries, 1.0)
    assert whole / 2 <= retry_delay_s(tries, chance) <= whole <= RETRY_CAP_S


@given(tries=COUNTS, chance=CHANCE, asked_s=st.floats(0, 1e6))
def test_the_patience_that_was_asked_for_is_kept(tries: int, chance: float, asked_s: float) -> None:
    """Whoever asks for more patience (Retry-After) than the backoff has gets all of it."""
    assert retry_delay_s(tries, chance, at_least_s=asked_s) >= asked_s
