"""How long to wait: pure functions of a count and a random number in [0, 1)."""

from __future__ import annotations

POLL_FIRST_S = 1.0
POLL_GROWTH = 1.5
POLL_CAP_S = 10.0
POLL_JITTER = 0.2  # so that edits submitted together are not polled together

RETRY_FIRST_S = 0.5
RETRY_CAP_S = 30.0


def poll_delay_s(polls: int, random01: float) -> float:
    """Seconds until the next poll of an edit that was polled ``polls`` times.

    1 s, then 1.5 times longer each time, up to 10 s, with a jitter of 20 %.
    """
    # After about 6 polls the cap applies; the bound of the exponent prevents an overflow.
    grown = min(POLL_FIRST_S * POLL_GROWTH ** min(polls, 50), POLL_CAP_S)
    return grown * (1 + POLL_JITTER * (2 * random01 - 1))


def retry_delay_s(tries: int, random01: float, *, at_least_s: float = 0.0) -> float:
    """Seconds until something that failed ``tries`` times in a row is tried again.

    From 0.5 s doubling up to 30 s, times a random factor from 0.5 to 1; never less than ``at_least_s``.
    """
    ceiling = min(RETRY_FIRST_S * 2.0 ** min(tries, 50), RETRY_CAP_S)
    return max(at_least_s, ceiling * (0.5 + random01 / 2))
