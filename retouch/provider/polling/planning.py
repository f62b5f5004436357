"""A plan: the ages at which the edits of one kind of work are polled."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from retouch.provider.polling.histogram import Distribution, Histogram, weight
from retouch.provider.polling.learning import ENOUGH
from retouch.provider.polling.placement import Grid, place

LATE = 0.05  # of the results: the aim is the 95th percentile
LEAST_LATE = 0.01
SPARE = 2.5  # edits, of those that may be late: what a histogram of few edits is not trusted with
FIRST, LAST = 0.001, 0.995  # polls are placed between the ages by which these parts of the results have come
BACKOFF = 1.1  # beyond them
# What a placement must promise above evenly spaced polls, in part of their polls. Where time tells next to nothing it
# promises up to 0.02 by chance (and 0.05 to 0.1 for wide times, 0.3 and more for narrow ones).
PROMISE = 0.03

EXPLORERS = 0.04  # of the edits
FIRST_EXPLORERS = 0.2  # of the edits, while little is known
EXPLORED = 10.0  # edits, of those that a histogram remembers


@dataclass(frozen=True)
class Plan:
    """When edits of one kind are polled; seconds since the API took them.

    Polls beyond the last of the ages come every ``poll_max_s``. The part ``explorers`` of the edits is polled once more
    where waits are long.
    """

    ages_s: tuple[float, ...]
    lag_s: float
    poll_min_s: float
    poll_max_s: float
    explorers: float = EXPLORERS


def plan(histogram: Histogram, lag_s: float, poll_min_s: float, poll_max_s: float) -> Plan | None:
    """The plan for a kind of work; None while too little is known of it, and plain backoff serves better.

    ``lag_s`` is how long 95 % of the results may wait to be seen. Two polls are at least ``poll_min_s`` apart, and at
    most ``poll_max_s``; so are the submit and the first. Where that forbids the lag, or the results are spread over
    many hundreds of lags, the least lag is aimed at that can be had. Takes some ten milliseconds: keep it for seconds.
    """
    if weight(histogram) < ENOUGH:
        return None
    belief = Distribution(histogram)
    first_s, last_s = belief.age_ms(FIRST) / 1000, belief.age_ms(LAST) / 1000
    # Before any result has come, only poll_max_s asks for polls.
    ages_s = [poll_max_s * (count + 1) for count in range(int(first_s / poll_max_s))]
    before_s = ages_s[-1] if ages_s else 0.0
    grid = Grid.over(belief, before_s, first_s, last_s, min(max(lag_s, poll_min_s), poll_max_s))
    late = max(LEAST_LATE, LATE - SPARE / belief.weight)
    apart_s = min(grid.lag_s / (1 - late), poll_max_s)
    even = _evenly(min(first_s, before_s + poll_max_s - apart_s), last_s, apart_s)
    ages_s += _cheaper(belief, place(grid, poll_max_s, late), even)
    gap_s = grid.lag_s
    while gap_s < poll_max_s:
        ages_s.append(ages_s[-1] + gap_s)
        gap_s *= BACKOFF
    explorers = min(max(EXPLORERS, EXPLORED / belief.weight), FIRST_EXPLORERS)
    return Plan(tuple(ages_s), grid.lag_s, poll_min_s, poll_max_s, explorers)


def _cheaper(belief: Distribution, placed: list[float], even: list[float]) -> list[float]:
    """The ages that were placed, if they promise enough above the even ones, else those."""
    return placed if _polls(belief, placed) < (1 - PROMISE) * _polls(belief, even) else even


def _evenly(first_s: float, last_s: float, gap_s: float) -> list[float]:
    """The ages of polls that lie equally far apart, the last one at ``last_s`` or less than a gap beyond."""
    return [first_s + gap_s * number for number in range(1, 1 + max(1, ceil((last_s - first_s) / gap_s)))]


def _polls(belief: Distribution, ages_s: list[float]) -> float:
    """How many polls at these ages an edit needs on average, with one more for each that is not seen by the last."""
    return 1 + sum(1 - belief.until(1000 * age_s) for age_s in ages_s)
