"""Learning from intervals: what lies between two polls is all that is known of a result's time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.provider.polling import Lesson, learn, remember
from retouch.provider.polling.histogram import BINS, EDGES_MS, FIELDS, LATER, SOONER, Distribution, bin_of, weight
from retouch.provider.polling.learning import ENOUGH, KEPT, MEMORY
from tests.unit.provider.polling.simulation import lognormal

AGES_MS = st.floats(0, 1e8)
HISTOGRAMS = st.dictionaries(st.integers(0, FIELDS - 1), st.floats(1e-6, 300), max_size=FIELDS)


def taught(intervals_ms: list[tuple[float, float]], running: int = 0) -> dict[int, float]:
    """The histogram of somebody who was taught these, one after the other."""
    histogram: dict[int, float] = {}
    for low_ms, high_ms in intervals_ms:
        histogram = remember(histogram, learn(histogram, low_ms, high_ms, running=running))
    return histogram


def around(age_ms: float, count: int) -> list[tuple[float, float]]:
    """Intervals of half a second, at random about results at one age."""
    chance = random.Random(1)
    return [(low_ms, low_ms + 500) for low_ms in (age_ms - 500 * chance.random() for _ in range(count))]


@given(age_ms=AGES_MS)
def test_a_bin_holds_its_age(age_ms: float) -> None:
    """Every age has one bin, whose edges are on either side of it; the last one has no end."""
    number = bin_of(age_ms)
    assert EDGES_MS[number] <= age_ms
    assert age_ms <= EDGES_MS[number + 1] or number == BINS - 1


@given(histogram=HISTOGRAMS, ages_ms=st.tuples(AGES_MS, AGES_MS))
def test_one_edit_counts_as_one(histogram: dict[int, float], ages_ms: tuple[float, float]) -> None:
    """Whatever is known already, a result adds a weight of 1, nowhere but between its two polls."""
    low_ms, high_ms = sorted(ages_ms)
    added = {field: value for field, value in learn(histogram, low_ms, high_ms).increments.items() if field < BINS}
    assert sum(added.values()) == pytest.approx(1)
    assert all(value >= 0 for value in added.values())
    assert bin_of(min(low_ms, EDGES_MS[-1] - 1)) <= min(added)
    assert max(added) <= bin_of(high_ms + 1)


def test_the_unknown_is_even() -> None:
    """Of somebody who knows nothing, each second of the interval gets the same."""
    added = learn({}, 2000, 6000).increments
    assert sum(value for field, value in added.items() if EDGES_MS[field + 1] <= 4000) < 0.5
    assert Distribution(added).until(4000) == pytest.approx(0.5, abs=0.01)


def test_the_known_decides_where_within_the_interval() -> None:
    """A wide interval is read by what narrow ones said before: nearly all of it goes where they were."""
    added = learn(taught(around(5000, 200)), 0, 20_000).increments
    assert sum(added.get(number, 0.0) for number in range(bin_of(4000), bin_of(6000) + 1)) > 0.9


def test_poll_times_are_not_taken_for_the_provider_s() -> None:
    """Polled at multiples of 4 s with any start, results at 6 s are seen at 8 s on average, and yet found at 6 s."""
    chance = random.Random(1)
    draw = lognormal(6, 0.05)
    intervals_ms = []
    for _ in range(400):
        time_s, start_s = draw(chance), 4 * chance.random()
        low_s = start_s + (time_s - start_s) // 4 * 4
        intervals_ms.append((1000 * max(low_s, 0.0), 1000 * (low_s + 4)))
    belief = Distribution(taught(intervals_ms))
    seen_ms = sorted(high_ms for _, high_ms in intervals_ms)
    assert seen_ms[200] > 7500
    assert 5500 < belief.age_ms(0.5) < 6500
    assert belief.until(7500) - belief.until(4500) > 0.75


def test_memory_is_bounded() -> None:
    """After many edits a histogram weighs as much as its memory, so that it never becomes too heavy to move."""
    assert weight(taught(around(3000, 2 * int(MEMORY)))) == pytest.approx(MEMORY + 1)


@pytest.mark.parametrize("factor", [3.0, 1 / 3], ids=["slower", "faster"])
def test_a_shift_makes_it_forget(factor: float) -> None:
    """Within two dozen results at another age nearly all that was known is dropped."""
    histogram = taught(around(6000, 300))
    weights = []
    for low_ms, high_ms in around(6000 * factor, 24):
        histogram = remember(histogram, learn(histogram, low_ms, high_ms))
        weights.append(weight(histogram))
    assert min(weights[:5]) > MEMORY  # a few stragglers are no shift
    assert min(weights) == pytest.approx(KEPT + 1)


@pytest.mark.parametrize("age_ms", [1900, 2000, 2100, 2200, 2300, 2400])
def test_a_steady_provider_is_no_shift(age_ms: float) -> None:
    """Results that all take the same time, wherever in its bin, never make it forget."""
    assert weight(taught(around(age_ms, 600))) == pytest.approx(MEMORY + 1)


def test_a_batch_s_quick_edits_are_no_shift() -> None:
    """The quick ones of the many edits at the API are seen first: only who has few there takes that for a shift."""
    chance = random.Random(1)
    ages_ms = [chance.uniform(1000, 9000) for _ in range(400)]
    known = taught([(age_ms - 100, age_ms + 100) for age_ms in ages_ms], running=64)
    patient, hasty = known, known
    for low_ms, high_ms in around(1300, 25):
        patient = remember(patient, learn(patient, low_ms, high_ms, running=64))
        hasty = remember(hasty, learn(hasty, low_ms, high_ms))
    assert weight(patient) > MEMORY
    assert weight(hasty) < ENOUGH + KEPT


def test_little_knowledge_sees_no_shift() -> None:
    """The first few edits of a kind prove nothing, however far apart they are."""
    lesson = learn(taught(around(500, ENOUGH - 1)), 60_000, 61_000)
    assert lesson.keep == MEMORY
    assert not {LATER, SOONER} & lesson.increments.keys()


def test_the_same_alarm_twice_does_no_harm() -> None:
    """Two workers that see a shift at once leave as much as one, and both of their results."""
    shift = Lesson(KEPT, learn({}, 17_000, 18_000).increments)
    once = remember(taught(around(6000, 100)), shift)
    assert weight(remember(once, shift)) == pytest.approx(KEPT + 1)


@given(histogram=HISTOGRAMS, ages_ms=st.tuples(AGES_MS, AGES_MS))
def test_no_field_falls_below_nothing(histogram: dict[int, float], ages_ms: tuple[float, float]) -> None:
    """Evidence is a sum that starts anew at 0: none of a histogram's fields is ever negative."""
    after = remember(histogram, learn(histogram, min(ages_ms), max(ages_ms)))
    assert min(after.values()) > 0
