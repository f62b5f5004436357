"""How long to wait: pure functions of a count and a random number in [0, 1)."""

from __future__ import annotations

POLL_FIRST_S = 1.0
POLL_GROWTH = 1.5
POLL_CAP_S = 10.0
POLL_JITTER = 0.2  # so that edits submitted together are not asked about together

RETRY_FIRST_S = 0.5
RETRY_CAP_S = 30.0


def poll_delay_s(polls: int, random01: float) -> float:
    """Seconds until an edit that was polled ``polls`` times, and is not finished, is asked about again.

    1 s, then half as long again each time, up to 10 s, give or take a fifth.
    """
    # Beyond some 6 polls the cap holds; bounding the exponent keeps a huge count from overflowing.
    grown = min(POLL_FIRST_S * POLL_GROWTH ** min(polls, 50), POLL_CAP_S)
    return grown * (1 + POLL_JITTER * (2 * random01 - 1))


def retry_delay_s(tries: int, random01: float, *, at_least_s: float = 0.0) -> float:
    """Seconds until something that failed ``tries`` times in a row is tried again.

    From 0.5 s doubling up to 30 s, of which a random half to whole is taken; never under ``at_least_s``.
    """
    ceiling = min(RETRY_FIRST_S * 2.0 ** min(tries, 50), RETRY_CAP_S)
    return max(at_least_s, ceiling * (0.5 + random01 / 2))
