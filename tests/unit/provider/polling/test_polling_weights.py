"""The numbers with which a lesson spreads, fades and judges."""

from __future__ import annotations

import pytest

from retouch.provider.polling.histogram import BINS, EDGES_MS, LATER, SOONER
from retouch.provider.polling.learning import learn, remember

KNOWN = {10: 40.0, 11: 20.0, 12: 40.0}


def test_a_lesson_is_spread_by_what_is_known_a_little_blurred_and_evened() -> None:
    """Over two whole bins: nine tenths of a bin's own weight, a twentieth of its neighbours', half an even edit."""
    lesson = learn(KNOWN, EDGES_MS[10], EDGES_MS[12] - 1e-6)
    tenth, eleventh = 0.9 * 40 + 0.05 * 20, 0.9 * 20 + 0.05 * 80
    even = (EDGES_MS[11] - EDGES_MS[10]) / (EDGES_MS[12] - EDGES_MS[10])
    share = tenth + eleventh + 0.5
    assert lesson.increments[10] == pytest.approx((tenth + 0.5 * even) / share)
    assert lesson.increments[11] == pytest.approx((eleventh + 0.5 * (1 - even)) / share)


def test_a_lesson_s_side_counts_beyond_the_slack() -> None:
    """The middle of the bins it touches, less a half: here -0.2, and a slack of 0.2 is taken off either way."""
    lesson = learn(KNOWN, EDGES_MS[10], EDGES_MS[12] - 1e-6)
    assert lesson.increments[LATER] == pytest.approx(-0.4)
    assert lesson.increments[SOONER] == pytest.approx(0)


@pytest.mark.parametrize(
    ("sum_before", "running", "keep"), [(3.6, 0, 250), (4.0, 0, 2), (4.0, 8, 250), (4.8, 8, 250), (5.2, 8, 2)]
)
def test_enough_evidence_of_a_shift_makes_the_old_fade(sum_before: float, running: int, keep: float) -> None:
    """Beyond 4, and 0.15 for each edit that may be at the API, two edits' weight is left."""
    lesson = learn(KNOWN | {LATER: sum_before}, EDGES_MS[20], EDGES_MS[21] - 1e-6, running=running)
    assert lesson.increments[LATER] == pytest.approx(0.3)
    assert lesson.keep == keep


def test_fewer_than_twenty_edits_judge_no_shift() -> None:
    """With 19 a lesson adds its weight alone, with 20 it has a side as well."""
    assert LATER not in learn({10: 19.9}, 1000, 2000).increments
    assert LATER in learn({10: 20.0}, 1000, 2000).increments


def test_what_is_known_weighs_no_more_than_is_kept() -> None:
    """500 edits fade to 250 before the new one is added."""
    after = remember({10: 500.0}, learn({10: 500.0}, EDGES_MS[10], EDGES_MS[11] - 1e-6))
    assert after[10] == pytest.approx(251)


def test_what_speaks_for_a_shift_is_no_weight_beside_the_last_bin() -> None:
    """Its field comes after that of the last bin, and is not what results weigh."""
    last = EDGES_MS[BINS - 2], EDGES_MS[BINS] - 1
    calm, shifted = (learn({BINS - 2: 20.0, BINS - 1: 20.0, LATER: sum_before}, *last) for sum_before in (0.0, 3.0))
    assert shifted.increments == calm.increments
