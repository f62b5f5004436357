"""How long the work of an installation takes, and how many workers it can use."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from retouch.forecast import Forecast, rate_limits
from retouch.ledger import Figures, Pause, Provider
from retouch.provider.polling.histogram import Distribution, bin_of

PROVIDER = Provider(places_used=8, places=16, troubles=0, next_request=None, result_s=None)
FIGURES = Figures(
    now_ms=0,
    counts={"n:queued": 100, "n:waiting": 4, "n:held": 7, "n:completed": 9, "submit:200": 10, "status:200": 30},
    counted_since_ms=0,
    batches=1,
    backlog_batches=1,
    backlog_since_ms=0,
    halted_batches=1,
    halted_edits=20,
    price=None,
    provider=PROVIDER,
    pauses=[],
    workers=1,
    settings=[{}],
    sinks=[],
    batch_sinks=0,
    learned={"k": {bin_of(10_000): 5.0}, "l": {bin_of(10_000): 5.0, 64: 9.0}},
)


def with_settings(*settings: dict[str, str]) -> Figures:
    """Those of workers with these settings."""
    return replace(FIGURES, settings=settings)


def pause(kind: str, cause: str) -> Pause:
    """One that began just now."""
    return Pause(kind, cause, "", datetime.now(UTC), None)


def test_what_is_to_be_done() -> None:
    """Neither held edits nor those of paused batches; two images an edit take eight edits at a time."""
    forecast = Forecast.of(FIGURES)
    assert (forecast.edits, forecast.at_once, forecast.pace_s) == (84, 8.0, 0.0)


def test_as_many_rounds_as_it_takes() -> None:
    """84 edits of about 10 s, eight at a time: ten and a half rounds."""
    left_s = Forecast.of(FIGURES).left_s(0.5)
    assert left_s == pytest.approx(105, rel=0.1)


def test_nothing_to_do_takes_no_time() -> None:
    """Whatever is known, and whatever is paused."""
    done = replace(FIGURES, counts={"n:completed": 3}, halted_edits=0, learned={}, pauses=[pause("submit", "person")])
    assert Forecast.of(done).left_s(0.95) == 0.0


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        ({"learned": {}}, False),
        ({"learned": {"k": {3: 0.4}}}, False),
        ({"pauses": [pause("submit", "outage")]}, False),
        ({"pauses": [pause("submit", "throttled")]}, True),
        ({"pauses": [pause("status", "outage")]}, True),
    ],
)
def test_what_cannot_be_known_is_not_told(changes: dict[str, object], known: bool) -> None:
    """Nothing was learned yet, or submits are paused for nobody knows how long."""
    assert (Forecast.of(replace(FIGURES, **changes)).left_s(0.5) is not None) is known  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "pace_s"),
    [
        ({"RETOUCH_RATE_LIMIT": "10/s,60/m"}, 4.0),  # a submit and three polls an edit
        ({"RETOUCH_SUBMIT_RATE": "30/m"}, 2.0),
        ({"RETOUCH_POLL_RATE": "1/s"}, 3.0),
        ({"RETOUCH_RATE_LIMIT": ""}, 0.0),
    ],
)
def test_rate_limits_set_the_pace(settings: dict[str, str], pace_s: float) -> None:
    """Where they are slower than the places."""
    forecast = Forecast.of(with_settings(settings))
    assert forecast.pace_s == pytest.approx(pace_s)
    left_s = forecast.left_s(0.5)
    assert left_s == pytest.approx(max(105, 84 * pace_s), rel=0.1)


def test_of_limits_that_differ_the_loosest_holds() -> None:
    """A worker without one has none."""
    slow, quick = {"RETOUCH_RATE_LIMIT": "1/s"}, {"RETOUCH_RATE_LIMIT": "5/s"}
    assert rate_limits(with_settings(slow, quick)) == {"all": 5.0}
    assert rate_limits(with_settings(slow, {})) == {}
    assert rate_limits(with_settings()) == {}


def test_one_worker_is_enough_until_the_api_is_quick() -> None:
    """Two thousand places of a second each are more than one does at its ease; a rate limit bounds that."""
    assert Forecast.of(FIGURES).workers() == 1
    learned, provider = {"k": {bin_of(1000): 5.0}}, replace(PROVIDER, places=4000)
    many = replace(FIGURES, counts={"n:queued": 10_000, "n:waiting": 4}, provider=provider, learned=learned)
    assert Forecast.of(many).workers() == 5  # of 1,050 a second
    assert Forecast.of(replace(many, settings=[{"RETOUCH_SUBMIT_RATE": "600/s"}])).workers() == 2
    assert Forecast.of(replace(many, counts={"n:queued": 3})).workers() == 1
    assert Forecast.of(replace(many, learned={})).workers() == 1


@pytest.mark.parametrize("edits", [5, 40, 400])
def test_the_range_holds_what_comes(edits: int) -> None:
    """Of many runs with such times, each edit beginning when a place is free, some half end before, few after."""
    rng = random.Random(edits)
    times = {bin_of(ms): 1.0 for ms in (2000, 5000, 9000, 20_000)}
    forecast = Forecast(edits, 8.0, 0.0, times, paused=False)
    ends = sorted(_played(edits, 8, Distribution(times), rng) for _ in range(200))
    half, most = forecast.left_s(0.5), forecast.left_s(0.95)
    assert half is not None
    assert most is not None
    assert 0.2 < sum(end <= half for end in ends) / len(ends) < 0.9
    assert sum(end <= most for end in ends) / len(ends) >= 0.85
    assert most < 2.5 * ends[100]


def _played(edits: int, places: int, times: Distribution, rng: random.Random) -> float:
    """Seconds until all have ended."""
    free = [0.0] * places
    for _ in range(edits):
        at = min(free)
        free[free.index(at)] = at + times.age_ms(rng.uniform(0.001, 0.999)) / 1000
    return max(free)
