"""How long an edit waits after a bad answer, and what the ledger is told of it."""

from __future__ import annotations

import random

import pytest

from retouch.causes import Fared
from retouch.errors import ApiError, NotSentError, ThrottledError, UnavailableError
from retouch.ledger import Seen
from tasks.failures import errors_delay_s, refused_delay_s, seen


@pytest.fixture(autouse=True)
def the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every random factor is the greatest of its range."""
    monkeypatch.setattr(random, "uniform", lambda _least, most: most)


@pytest.mark.parametrize(
    ("strikes", "patience_s", "delay_s"),
    [
        (0, 120, 1),
        (3, 120, 8),
        (6, 120, 60),
        (50, 120, 60),
        (10**6, 120, 60),
        (9, 10, 5),
        (0, 0.1, 0.25),
        (9, 0.1, 0.25),
    ],
)
def test_a_refused_edit_is_tried_often_enough_to_be_judged(strikes: int, patience_s: float, delay_s: float) -> None:
    """A second, doubling to a minute, but to no more than half of the patience; a quarter of a second at least."""
    assert refused_delay_s(strikes, patience_s) == delay_s


@pytest.mark.parametrize(("errors", "delay_s"), [(0, 5), (1, 20), (2, 80), (3, 300), (10**6, 300)])
def test_an_error_that_the_api_answered_is_given_time(errors: int, delay_s: float) -> None:
    """Five seconds, four times longer each time, to five minutes."""
    assert errors_delay_s(errors) == delay_s


@pytest.mark.parametrize(
    ("error", "fared", "wait_ms"),
    [
        (ThrottledError("why"), Fared.THROTTLED, 1000),
        (ThrottledError("why", 0.0), Fared.THROTTLED, 100),
        (UnavailableError("why", 2.5), Fared.THROTTLED, 2500),
        (UnavailableError("why"), Fared.SILENT, 0),
        (NotSentError("why"), Fared.UNREACHED, 0),
    ],
)
def test_the_ledger_is_told_how_a_request_fared(error: ApiError, fared: Fared, wait_ms: int) -> None:
    """A Retry-After is a pause whatever it came with; without a connection both kinds of request are away."""
    assert seen("submit", 7, error) == Seen("submit", 7, fared, "why", wait_ms)
