"""What learned polling is compared with: the best fixed interval and the best capped exponential backoff.

Best are those that need the fewest polls for a lag. They are found by search over the very edits that the learner was
given, which no real program could do.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from tests.unit.provider.polling.simulation import Figures

FIRSTS = (0.5, 0.8, 1.04, 2.0, 4.0)  # lags
GROWTHS = (1.02, 1.05, 1.1, 1.25, 1.5)
LONGEST_CAP = 3.0  # lags; with longer waits no 95 % are seen within one
HALVINGS = 7


@dataclass(frozen=True)
class Rule:
    """Polls after ``first_s``, then after ``growth`` times as long each time, up to ``cap_s``."""

    first_s: float
    growth: float
    cap_s: float

    def ages_s(self) -> Iterator[float]:
        """The ages of the polls, for ever."""
        age_s, wait_s = 0.0, self.first_s
        while True:
            age_s += wait_s
            yield age_s
            wait_s = min(wait_s * self.growth, self.cap_s)

    def figures(self, times_s: Sequence[float]) -> Figures:
        """What edits that take these times come to."""
        ages_s: list[float] = []
        longest_s = max(times_s)
        for age_s in self.ages_s():
            ages_s.append(age_s)
            if age_s >= longest_s:
                break
        before = [bisect_left(ages_s, time_s) for time_s in times_s]
        lags_s = [ages_s[polls] - time_s for polls, time_s in zip(before, times_s, strict=True)]
        return Figures.of_lists([polls + 1 for polls in before], lags_s)


def best_fixed(times_s: Sequence[float], lag_s: float) -> tuple[Rule, Figures]:
    """The fixed interval with the fewest polls of those whose 95th percentile of the lag is at most ``lag_s``."""
    # Where results are even over the interval it is lag_s / 0.95; far longer ones may chance to fit narrow times.
    near = (lag_s * (0.95 + 0.005 * step) for step in range(32))
    far = (lag_s * (1.1 + 0.1 * step) for step in range(50))
    return _best([Rule(interval_s, 1.0, interval_s) for interval_s in (*near, *far)], times_s, lag_s)


def best_backoff(times_s: Sequence[float], lag_s: float) -> tuple[Rule, Figures]:
    """The first wait, growth and cap with the fewest polls of those whose 95th percentile is at most ``lag_s``."""
    rules = [_longest_cap(lag_s * first, growth, times_s, lag_s) for first, growth in product(FIRSTS, GROWTHS)]
    return _best(rules, times_s, lag_s)


def _longest_cap(first_s: float, growth: float, times_s: Sequence[float], lag_s: float) -> Rule:
    low_s, high_s = first_s, max(first_s, LONGEST_CAP * lag_s)
    for _ in range(HALVINGS):
        middle_s = (low_s * high_s) ** 0.5
        if Rule(first_s, growth, middle_s).figures(times_s).lag_s <= lag_s:
            low_s = middle_s
        else:
            high_s = middle_s
    return Rule(first_s, growth, low_s)


def _best(rules: Sequence[Rule], times_s: Sequence[float], lag_s: float) -> tuple[Rule, Figures]:
    figures = ((rule, rule.figures(times_s)) for rule in rules)
    return min((pair for pair in figures if pair[1].lag_s <= lag_s), key=lambda pair: pair[1].polls)
