"""When an edit is polled next, by the plan of its kind."""

from __future__ import annotations

from bisect import bisect_right
from hashlib import blake2b

from retouch.provider.polling.planning import Plan

JITTER = 0.1  # lags: how far apart the polls of edits submitted at one moment come to lie
# A wait is explored when it is longer than this many lags, and multiplies the age by more than this ...
LONG, WIDE = 1.2, 2.5
EARLIEST = 0.25  # ... after this part of it or later, so that results three times as fast are noticed


def phase_of(name: str) -> float:
    """A number in [0, 1) for an edit's name, always the same."""
    return int.from_bytes(blake2b(name.encode(), digest_size=6).digest()) / 2**48


def next_poll_s(plan: Plan, age_s: float, phase: float) -> float:
    """Seconds from now until the next poll of an edit that the API took ``age_s`` ago.

    ``phase`` is the edit's own number in [0, 1), the same at each of its polls. It moves all of them by one short time,
    so that edits submitted together are not polled together and yet keep the gaps that the plan counts on. The edits
    with the lowest phases explore: they are polled once within a long wait, as nobody would ever know of results
    that come well before the poll that finds them.
    """
    explores = phase < plan.explorers
    part = phase / plan.explorers if explores else (phase - plan.explorers) / (1 - plan.explorers)
    shift_s = JITTER * plan.lag_s * (part - 0.5)
    # A planned poll that is less than half of ``poll_min_s`` away is skipped.
    following = bisect_right(plan.ages_s, age_s - shift_s + plan.poll_min_s / 2)
    if following == len(plan.ages_s):
        return plan.poll_max_s
    planned_s = plan.ages_s[following]
    wait_s = planned_s + shift_s - age_s
    if explores and _worth_exploring(plan, following, age_s, wait_s):
        wait_s *= EARLIEST + (1 - EARLIEST) * part
    return min(max(wait_s, plan.poll_min_s), plan.poll_max_s)


def _worth_exploring(plan: Plan, following: int, age_s: float, wait_s: float) -> bool:
    """Whether much may happen unseen before the planned poll, and the wait for it has only begun."""
    planned_s = plan.ages_s[following]
    gap_s = planned_s - (plan.ages_s[following - 1] if following else 0.0)
    return gap_s > LONG * plan.lag_s and planned_s > WIDE * age_s and wait_s > (1 - EARLIEST) * gap_s
