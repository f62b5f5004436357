"""A provider that becomes three times slower, or faster: it is noticed, and learned anew within 200 edits."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

import pytest

from tests.unit.provider.polling.baselines import best_fixed
from tests.unit.provider.polling.simulation import LAG_S, WARM_UP, Figures, Learner, Seen, lognormal, run

BEFORE = 500  # edits
RELEARNED = 200  # edits after the shift
# What is late while a faster provider is being found out, some 50 edits, must be under 5 % of a run for its 95th
# percentile not to be theirs: after 600 edits it is a toss-up who needs fewer polls, after 800 it is not.
AFTER = 800
SEEDS = (1, 2)
pytestmark = [pytest.mark.slow, pytest.mark.no_cover]  # the same lines a million times over

FACTORS = pytest.mark.parametrize("factor", [3.0, 1 / 3], ids=["slower", "faster"])


@dataclass
class Shifted:
    """Edits of all seeds: their times and what was seen of them, and of those from 200 after the shift on."""

    times_s: list[float]
    seen: list[Seen]
    later: list[Seen]
    settled: list[Seen]  # the same edits, seen by one who never knew other times


@cache
def shifted(factor: float) -> Shifted:
    """Learned polling over a shift of all times by a factor."""
    result = Shifted([], [], [], [])
    draw = lognormal(6, 0.2)
    for seed in SEEDS:
        chance = random.Random(seed)
        times_s = [draw(chance) * (1 if edit < BEFORE else factor) for edit in range(BEFORE + AFTER)]
        seen = run(Learner(), times_s)
        result.times_s += times_s[WARM_UP:]
        result.seen += seen[WARM_UP:]
        result.later += seen[BEFORE + RELEARNED :]
        result.settled += run(Learner(), times_s[BEFORE:])[RELEARNED:]
    return result


@FACTORS
def test_relearned_within_200_edits(factor: float) -> None:
    """From then on it polls like one who never knew other times (within a tenth), and keeps the lag aimed at."""
    later, settled = Figures.of(shifted(factor).later), Figures.of(shifted(factor).settled)
    assert later.polls <= 1.1 * settled.polls
    assert later.lag_s <= 1.05 * LAG_S


@FACTORS
def test_a_shift_costs_less_than_a_fixed_interval(factor: float) -> None:
    """Over a run of 1,300 edits, the time of finding out included, no fixed interval needs fewer polls for its lag."""
    whole = Figures.of(shifted(factor).seen)
    assert whole.polls <= best_fixed(shifted(factor).times_s, whole.lag_s)[1].polls
