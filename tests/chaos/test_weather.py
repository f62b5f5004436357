"""The harness knows all that the endpoint can do."""

from __future__ import annotations

from tests.chaos.boundaries import POINTS
from tests.chaos.bugs import BUGS
from tests.chaos.hunts import HUNTS
from tests.chaos.weather import MIXED
from workers.endpoint.faults import RULES, TABLE


def test_every_fault_of_the_endpoint_is_in_the_mix() -> None:
    """A new fault is of no use while the harness does not cause it."""
    assert {str(rule["fault"]) for rule in MIXED} == TABLE.keys()
    RULES.validate_python(list(MIXED))


def test_every_planted_bug_is_hunted_at_points_that_exist() -> None:
    """A misspelt point would never be hit."""
    assert HUNTS.keys() == BUGS.keys()
    assert {point for hunt in HUNTS.values() for point in (*hunt.deaths, *hunt.stops)} <= set(POINTS)
