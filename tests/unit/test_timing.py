"""What the loop learns from results, and how often."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from workers import timing
from workers.runtime import Runtime
from workers.timing import FRESH_S, Timing

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, set by the test."""
    moment = [100.0]
    monkeypatch.setattr(timing, "time", SimpleNamespace(monotonic=lambda: moment[0]))
    return moment


@pytest.fixture
async def learner(now: list[float]) -> Timing:
    """With a ledger that knows nothing yet."""

    async def patience(_call: object, *_arguments: object) -> dict[int, float]:
        return {}

    settings = SimpleNamespace(places=8, poll_lag=1.0, poll_min=0.5, poll_max=30.0)
    runtime: Any = SimpleNamespace(
        settings=settings, patience=patience, ledger=SimpleNamespace(reader=SimpleNamespace(learned=None))
    )
    return Timing(cast(Runtime, runtime))


async def test_a_flood_teaches_no_more_than_is_remembered(learner: Timing, now: list[float]) -> None:
    """Between two plans 250 results of a kind teach something, however fast they come; another kind has its own 250."""
    lessons = [learner.lesson("sd1.5:8:36", 0, 900) for _ in range(400)]
    assert all(lessons[:250])
    assert not any(lessons[250:])
    assert learner.lesson("sd1.5:9:36", 0, 900)
    now[0] += FRESH_S + 0.1
    assert learner.lesson("sd1.5:8:36", 0, 900)


async def test_an_edit_without_a_kind_teaches_nothing(learner: Timing) -> None:
    """Edits of before kinds were known have none."""
    assert learner.lesson("", 0, 900) is None


async def test_a_lesson_is_one_edits_weight_over_what_was_seen(learner: Timing) -> None:
    """Its increments add up to the one result that it stands for."""
    lesson = learner.lesson("sd1.5:8:36", 2000, 3000)
    assert lesson
    assert sum(lesson["increments"].values()) == pytest.approx(1, abs=1e-4)
    assert lesson["kind"] == "sd1.5:8:36"
