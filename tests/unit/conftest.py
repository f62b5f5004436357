"""The composed worker that the tests of its steps and services share."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from worker_stage import Worker


@pytest.fixture
def make_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Worker]]:
    """Make workers with settings of their own; every random number is 0.5, and the dispatcher does not rest."""
    made: list[Worker] = []
    monkeypatch.setattr(random, "random", lambda: 0.5)
    monkeypatch.setattr("workers.dispatcher.TICK_S", 0)
    monkeypatch.setattr("workers.dispatcher.IDLE_S", 0)

    def make(**settings: Any) -> Worker:
        made.append(Worker(**settings))
        return made[-1]

    yield make
    for worker in made:
        worker.close()


@pytest.fixture
def worker(make_worker: Callable[..., Worker]) -> Worker:
    """A worker with plain settings."""
    return make_worker()
