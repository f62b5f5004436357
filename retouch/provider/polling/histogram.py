"""What is known of one kind's times from submit to result: a weight for each of a few dozen spans of time.

A histogram is a plain mapping, so that it can live in a Redis hash with a field a bin:

    0..63   the weight (a number of edits, faded) of results that came within this bin's span of ages
    64, 65  ``LATER`` and ``SOONER``: how much speaks for it that results have begun to come later, or sooner, than the
            bins say (a cumulative sum each: Page, Biometrika 41, 1954)

Bin 0 is everything up to 0.1 s, bin 63 everything beyond an hour. Each bin between is 18 % longer than the one
before, so that the relative precision is the same everywhere.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate

from retouch.ledger import LEARNED_BINS

Histogram = Mapping[int, float]

BINS = LEARNED_BINS
LATER, SOONER = BINS, BINS + 1
FIELDS = BINS + 2
FIRST_MS = 100.0
LAST_MS = 3_600_000.0
_RATIO: float = (LAST_MS / FIRST_MS) ** (1 / (BINS - 2))
# Bin i spans (EDGES_MS[i], EDGES_MS[i + 1]]. The last one has no end; for arithmetic it is as long as all before.
EDGES_MS: tuple[float, ...] = (0.0, *(FIRST_MS * _RATIO**i for i in range(BINS - 1)), 2 * LAST_MS)


def bin_of(age_ms: float) -> int:
    """The bin that an age falls into."""
    return min(max(bisect_left(EDGES_MS, age_ms) - 1, 0), BINS - 1)


def weight(histogram: Histogram) -> float:
    """The number of edits in the histogram, after fading."""
    return sum(histogram.values()) - histogram.get(LATER, 0.0) - histogram.get(SOONER, 0.0)


class Distribution:
    """A histogram with a weight above 0, as probabilities: even within each bin."""

    def __init__(self, histogram: Histogram) -> None:
        self.weight = weight(histogram)
        sums = accumulate((histogram.get(number, 0.0) for number in range(BINS)), initial=0.0)
        self._at_edges: list[float] = [part / self.weight for part in sums]

    def until(self, age_ms: float) -> float:
        """The probability that a result has come by this age."""
        number = bin_of(age_ms)
        low, high = self._at_edges[number], self._at_edges[number + 1]
        begin, end = EDGES_MS[number], EDGES_MS[number + 1]
        return low + (high - low) * min(max((age_ms - begin) / (end - begin), 0.0), 1.0)

    def age_ms(self, probability: float) -> float:
        """The age by which a result has come with this probability (above 0, below 1)."""
        number = bisect_left(self._at_edges, probability) - 1
        low, high = self._at_edges[number], self._at_edges[number + 1]
        begin, end = EDGES_MS[number], EDGES_MS[number + 1]
        return begin + (end - begin) * (probability - low) / (high - low)
