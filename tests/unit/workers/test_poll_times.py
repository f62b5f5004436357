"""When edits are polled, what the loop learns from results, and how often."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.worker_stage import Worker
from workers.poll_times import FRESH_S, PollTimes

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def learner(worker: Worker) -> PollTimes:
    """With a ledger that knows nothing yet."""
    return worker.poll_times


async def test_a_flood_teaches_no_more_than_is_remembered(learner: PollTimes, worker: Worker) -> None:
    """Between two plans 250 results of a kind teach something, however fast they come; another kind has its own 250."""
    lessons = [learner.lesson("sd1.5:8:36", 0, 900) for _ in range(400)]
    assert all(lessons[:250])
    assert not any(lessons[250:])
    assert learner.lesson("sd1.5:9:36", 0, 900)
    worker.clock.now += int(1000 * FRESH_S) + 1
    assert learner.lesson("sd1.5:8:36", 0, 900)


async def test_an_edit_without_a_kind_teaches_nothing(learner: PollTimes) -> None:
    """Edits of before kinds were known have none."""
    assert learner.lesson("", 0, 900) is None


async def test_a_lesson_is_one_edits_weight_over_what_was_seen(learner: PollTimes) -> None:
    """Its increments add up to the one result that it stands for."""
    lesson = learner.lesson("sd1.5:8:36", 2000, 3000)
    assert lesson
    assert sum(lesson["increments"].values()) == pytest.approx(1, abs=1e-4)
    assert lesson["kind"] == "sd1.5:8:36"


@pytest.mark.parametrize(
    ("polls", "left_s", "delay_s"),
    [(0, 60, 1), (1, 60, 1.5), (9, 60, 6), (9, 5, 5), (0, 0.1, 0.1), (0, 0, 1), (9, -5, 6)],
)
async def test_every_delay_of_a_poll_is_bounded_in_one_place(
    make_worker: Callable[..., Worker], polls: int, left_s: float, delay_s: float
) -> None:
    """By the settings, and by the deadline while it is ahead."""
    timing = make_worker(poll_min=0.5, poll_max=6).poll_times
    assert timing.next_poll_s("", "b/c0", 0.0, polls, left_s) == pytest.approx(delay_s)
