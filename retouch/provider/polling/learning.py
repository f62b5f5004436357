"""Learn from polls: each result came after one poll (PENDING) and before the next (SUCCESS), and no more is known.

Where within that interval it came is not known, and taking the poll's own time for it would teach the learner its own
habits. So one edit's weight is spread over the interval in proportion to what the histogram says of it already
(expectation maximisation for interval-censored data: Turnbull, JRSS B 38, 1976), a little blurred (Silverman et al.,
JRSS B 52, 1990) and mixed with an even share, so that weight can move to where there was none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from retouch.provider.polling.histogram import BINS, EDGES_MS, FIELDS, LATER, SOONER, Histogram, bin_of, weight

MEMORY = 250.0  # edits; older ones fade
EVEN = 0.5  # edits; the weight of the even share. More of it finds out sooner and blurs more.
BLUR = 0.05  # of a bin's weight, to either neighbour

ENOUGH = 20  # edits; with fewer nothing is planned, and no shift is judged
# Each result counts from -0.5 (sooner than all that is known) to 0.5 (later than all); by chance they cancel out. What
# exceeds SLACK is summed, either way. A threefold shift adds some 0.25 an edit; chance is held off by SLACK.
SLACK = 0.2
ALARM = 4.0
UNSEEN = 0.15  # for each edit that may be at the API: the quick ones of a batch's first are seen first
KEPT = 2.0  # edits; the weight that is left of what was known before a shift


@dataclass(frozen=True)
class Lesson:
    """What one result adds to a histogram; ``remember`` applies it.

    Fading is to a weight, not by a factor, so that it does no harm if several workers see the same shift.
    """

    keep: float
    increments: Mapping[int, float]


def learn(histogram: Histogram, low_ms: float, high_ms: float, *, running: int = 0) -> Lesson:
    """The lesson of one result that was not there at age ``low_ms`` and was there at age ``high_ms``.

    ``low_ms`` is the age when the last poll that found none was sent (0 where there was none), ``high_ms`` the age
    when the answer with the result was read; both since the API took the edit. ``running`` is how many edits may be at
    the API at once: when a batch begins, the quick ones of those are seen first, and that is no shift. A histogram that
    is some seconds old will do.
    """
    low = min(max(low_ms, 0.0), EDGES_MS[-1] - 1)
    high = min(max(high_ms, low + 1), EDGES_MS[-1])
    added = _spread(histogram, low, high)
    known = weight(histogram)
    if known < ENOUGH:
        return Lesson(MEMORY, added)
    # Whole bins, as no histogram says where in a bin a steady provider's results lie.
    sooner = sum(histogram.get(number, 0.0) for number in range(min(added)))
    among = sum(histogram.get(number, 0.0) for number in added)
    side = (sooner + among / 2) / known - 0.5
    added |= {LATER: side - SLACK, SOONER: -side - SLACK}
    evidence = max(histogram.get(field, 0.0) + added[field] for field in (LATER, SOONER))
    return Lesson(KEPT if evidence > ALARM + UNSEEN * running else MEMORY, added)


def remember(histogram: Histogram, lesson: Lesson) -> dict[int, float]:
    """The histogram after a lesson, which is what the ledger does to its own copy.

    All fields are multiplied by one factor, so that the bins weigh ``lesson.keep`` at most; the increments are added;
    what falls below 0 is 0.
    """
    factor = min(1.0, lesson.keep / max(weight(histogram), 1.0))
    after = {field: histogram.get(field, 0.0) * factor + lesson.increments.get(field, 0.0) for field in range(FIELDS)}
    return {field: value for field, value in after.items() if value > 0}


def _spread(histogram: Histogram, low: float, high: float) -> dict[int, float]:
    """A weight of 1 over the bins between two ages."""
    even: dict[int, float] = {}
    said: dict[int, float] = {}
    for number in range(bin_of(low), bin_of(high) + 1):
        begin, end = EDGES_MS[number], EDGES_MS[number + 1]
        overlap = min(end, high) - max(begin, low)
        if overlap > 0:
            even[number] = overlap / (high - low)
            said[number] = _blurred(histogram, number) * overlap / (end - begin)
    share = sum(said.values()) + EVEN
    return {number: (said[number] + EVEN * even[number]) / share for number in even}


def _blurred(histogram: Histogram, number: int) -> float:
    before = histogram.get(number - 1, 0.0)
    after = histogram.get(number + 1, 0.0) if number + 1 < BINS else 0.0  # beyond the last bin lie other fields
    return (1 - 2 * BLUR) * histogram.get(number, 0.0) + BLUR * (before + after)
