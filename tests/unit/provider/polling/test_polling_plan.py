"""Plans: where polls are placed, and when that makes an edit's next one."""

from __future__ import annotations

import random
from itertools import combinations, pairwise
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.provider.polling import Plan, next_poll_s, phase_of, plan
from retouch.provider.polling.histogram import BINS, Distribution, bin_of
from retouch.provider.polling.learning import ENOUGH
from retouch.provider.polling.placement import BEYOND, FINES, Grid, _Costs
from tests.unit.provider.polling.simulation import Draw, bimodal, lognormal

MIDDLE = 0.52  # a phase that shifts nothing: half way between the explorers' and 1
HISTOGRAMS = st.dictionaries(st.integers(0, BINS - 1), st.floats(0.01, 100), min_size=1).map(
    lambda bins: {number: value * 2 * ENOUGH / sum(bins.values()) for number, value in bins.items()}
)


def histogram_of(draw: Draw, edits: int = 20_000) -> dict[int, float]:
    """What one would know who had seen the very times of many edits."""
    chance = random.Random(1)
    histogram: dict[int, float] = {}
    for _ in range(edits):
        number = bin_of(1000 * draw(chance))
        histogram[number] = histogram.get(number, 0.0) + 1
    return histogram


def planned(histogram: dict[int, float], lag_s: float = 1.0) -> Plan:
    """The plan of a histogram that is known to be heavy enough."""
    found = plan(histogram, lag_s, 0.25, 30.0)
    assert found is not None
    return found


def test_too_little_is_no_plan() -> None:
    """With fewer than 20 edits' weight, whatever speaks for a shift, plain backoff serves better."""
    assert plan({30: ENOUGH - 1.0, BINS: 5.0}, 1.0, 0.25, 30.0) is None
    assert plan({30: ENOUGH + 0.0}, 1.0, 0.25, 30.0) is not None


def test_no_useless_polls() -> None:
    """Narrow times about 6 s are not polled for before 4 s, then about every second, then ever less often."""
    ages_s = planned(histogram_of(lognormal(6, 0.2))).ages_s
    assert 4 < ages_s[0] < 6
    assert all(gap <= 1.51 for gap in (b - a for a, b in pairwise(ages_s) if b < 9))
    gaps_s = [b - a for a, b in pairwise(ages_s) if a > 12]
    assert gaps_s == sorted(gaps_s)
    assert 20 < gaps_s[-1] <= 30


def test_the_valley_between_two_modes_is_skipped() -> None:
    """With times of 3 s or 15 s nobody is polled between 6 and 12 s."""
    ages_s = planned(histogram_of(bimodal)).ages_s
    assert not [age_s for age_s in ages_s if 6 < age_s < 12]
    assert [age_s for age_s in ages_s if 2.5 < age_s < 4.5]
    assert [age_s for age_s in ages_s if 13 < age_s < 18]


@pytest.mark.parametrize("mean_s", [2, 6, 60])
def test_polls_are_even_where_time_tells_nothing(mean_s: float) -> None:
    """What chance put into the histogram of memoryless times is not planned by, with as many edits as it remembers."""
    ages_s = planned(histogram_of(lambda chance: chance.expovariate(1 / mean_s), 250)).ages_s
    gaps_s = [b - a for a, b in pairwise(age_s for age_s in ages_s if age_s < 2 * mean_s)]
    assert len(gaps_s) >= 2
    assert gaps_s == pytest.approx([gaps_s[0]] * len(gaps_s))
    assert 1 < gaps_s[0] < 1.06


def test_even_polls_begin_no_later_than_the_longest_wait_allows() -> None:
    """Nothing comes before 19.4 s, and then time tells nothing: the last poll before it is the longest wait before."""
    found = plan(histogram_of(lambda chance: 19.4 + chance.expovariate(1 / 6), 250), 1.0, 0.25, 10.0)
    assert found is not None
    assert found.ages_s[:2] == pytest.approx((10, 20))
    assert found.ages_s[2] - 20 == pytest.approx(found.ages_s[3] - found.ages_s[2])


@pytest.mark.parametrize("draw", [lognormal(6, 0.2), bimodal, lognormal(6, 0.7)], ids=["narrow", "bimodal", "wide"])
def test_few_results_are_late(draw: Draw) -> None:
    """By what the histogram says, at most 5 % of results come more than a lag before the poll that sees them."""
    histogram = histogram_of(draw)
    belief, found = Distribution(histogram), planned(histogram)
    late = sum(
        max(0.0, belief.until(1000 * (b - 1)) - belief.until(1000 * a)) for a, b in pairwise((0.0, *found.ages_s))
    )
    assert late <= 0.05


def test_a_longer_lag_needs_fewer_polls() -> None:
    """Who can wait longer for a result asks less often about it."""
    histogram = histogram_of(lognormal(6, 0.7))
    counts = [sum(age_s < 20 for age_s in planned(histogram, lag_s).ages_s) for lag_s in (0.5, 1.0, 3.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 2 * counts[2]


def test_work_that_takes_longer_than_the_longest_wait() -> None:
    """Before any result can have come, polls are as far apart as they may be, and no farther."""
    ages_s = planned(histogram_of(lognormal(300, 0.1))).ages_s
    assert ages_s[:6] == (30, 60, 90, 120, 150, 180)


@settings(max_examples=30)
@given(histogram=HISTOGRAMS, lag_s=st.floats(0.2, 20), poll_min_s=st.floats(0.1, 5), poll_max_s=st.floats(5, 60))
def test_any_histogram_makes_a_plan(
    histogram: dict[int, float], lag_s: float, poll_min_s: float, poll_max_s: float
) -> None:
    """Ages rise, by no less than the shortest wait, and the first one is neither too soon nor too late."""
    found = plan(histogram, lag_s, poll_min_s, poll_max_s)
    assert found is not None
    gaps_s = [b - a for a, b in pairwise((0.0, *found.ages_s))]
    assert min(gaps_s) >= poll_min_s * (1 - 1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_no_other_polls_are_cheaper(seed: int) -> None:
    """On a grid small enough to try all sets of polls, the program finds one that costs the least."""
    chance = random.Random(seed)
    belief = Distribution({number: chance.random() ** 4 for number in range(14, 34)})
    ages_s = [1.0 + cell for cell in range(11)]
    late = [[belief.until(1000 * (age_s - 2 * lags)) for age_s in ages_s] for lags, _ in FINES]
    grid = Grid(2.0, 2, 1, 0.0, 9, ages_s, [belief.until(1000 * age_s) for age_s in ages_s], late)
    price = 10 ** chance.uniform(0, 2)
    others = [[*some, end] for size in range(10) for some in combinations(range(9), size) for end in (9, 10)]
    found = _Costs(grid, 20, price).cheapest()
    assert cost(grid, found, price) == pytest.approx(min(cost(grid, cells, price) for cells in others))


def cost(grid: Grid, cells: list[int], price: float) -> float:
    """The polls and fines of an average edit that is polled at these cells, reckoned one by one."""
    total, come = 0.0, grid.come_before
    for cell in cells:
        total += 1 - come
        total += sum(
            price * part * max(0.0, late[cell] - come) for (_, part), late in zip(FINES, grid.late, strict=True)
        )
        come = grid.come[cell]
    return total + BEYOND * (1 - come)


PLAN = Plan((5.0, 6.0, 7.0, 14.0, 15.0, 17.0), lag_s=1.0, poll_min_s=0.25, poll_max_s=10.0)


def test_an_edit_is_polled_at_the_ages_of_its_plan() -> None:
    """In the middle of all phases the next poll is the next age; beyond the last one it is the longest wait."""
    assert [next_poll_s(PLAN, age_s, MIDDLE) for age_s in (0, 5, 6, 7, 14, 15, 17, 400)] == pytest.approx(
        [5, 1, 1, 7, 1, 2, 10, 10]
    )


def test_a_late_poll_delays_no_other() -> None:
    """A worker that came late for one poll is back at the plan with the next, without polling twice at once."""
    assert 5.4 + next_poll_s(PLAN, 5.4, MIDDLE) == pytest.approx(6)
    assert 5.95 + next_poll_s(PLAN, 5.95, MIDDLE) == pytest.approx(7)


def test_edits_submitted_together_spread_and_keep_their_gaps() -> None:
    """Phases move an edit's polls by up to a twentieth of the lag, all of them alike."""
    firsts_s = [next_poll_s(PLAN, 0.0, 0.04 + 0.0096 * step) for step in range(100)]
    assert max(firsts_s) - min(firsts_s) == pytest.approx(0.1, rel=0.05)
    assert all(next_poll_s(PLAN, first_s, 0.04 + 0.0096 * n) == pytest.approx(1) for n, first_s in enumerate(firsts_s))


def test_a_few_edits_explore_long_waits() -> None:
    """Explorers are polled once more before the first poll and in the valley, and nobody is anywhere else."""
    explorer = PLAN.explorers / 2
    age_s, ages_s = 0.0, []
    while age_s < 14.5:
        age_s += next_poll_s(PLAN, age_s, explorer)
        ages_s.append(age_s)
    extra = [age_s for age_s in ages_s if min(abs(age_s - planned_s) for planned_s in PLAN.ages_s) > 0.06]
    assert len(extra) == 1
    assert 1.25 <= extra[0] < 5


def test_explorers_look_everywhere_in_a_wait() -> None:
    """Together they cover the first wait from a quarter of it to its end."""
    looks_s = [next_poll_s(PLAN, 0.0, PLAN.explorers * step / 100) for step in range(100)]
    assert min(looks_s) == pytest.approx(5 / 4, rel=0.05)
    assert max(looks_s) == pytest.approx(5, rel=0.05)


@settings(max_examples=50)
@given(ages_s=st.lists(st.floats(0.1, 1000), min_size=1, max_size=20), age_s=st.floats(0, 2000), phase=st.floats(0, 1))
def test_no_wait_breaks_the_bounds(ages_s: list[float], age_s: float, phase: float) -> None:
    """Whatever the plan, the age and the phase, the next poll is neither too soon nor too late."""
    wait_s = next_poll_s(Plan(tuple(sorted(ages_s)), 1.0, 0.5, 20.0, 0.2), age_s, phase)
    assert 0.5 <= wait_s <= 20.0


def test_a_name_has_one_phase() -> None:
    """Phases do not depend on the process, and names that are alike have unlike ones."""
    assert phase_of("batch/cat-1") == phase_of("batch/cat-1")
    phases = sorted(phase_of(f"batch/cat-{number}") for number in range(1000))
    assert phases[0] >= 0
    assert phases[-1] < 1
    assert max((b - a for a, b in pairwise(phases)), default=inf) < 0.02
