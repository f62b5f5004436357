"""What unit tests share: an empty ledger with a queue, and the composed worker of the tests of its steps."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fakeredis
import pytest

from retouch import EditQueue
from retouch.ledger import Ledger
from tests.harness.staying import workers_stay
from tests.unit.worker_stage import Measured, Worker

MEASURING = (
    *("tasks.announce", "tasks.finish", "tasks.poll", "tasks.submit"),
    *("workers.leases", "workers.server_clock", "workers.poll_times", "workers.dispatcher"),
    *("workers.api_watch", "workers.store_watch"),
)


@pytest.fixture(scope="package", autouse=True)
def _workers_stay() -> Iterator[None]:
    with workers_stay():
        yield


@pytest.fixture
def ledger() -> Ledger:
    """An empty ledger, on a fake Redis."""
    return Ledger(fakeredis.FakeRedis(decode_responses=True))


@pytest.fixture
def queue(ledger: Ledger) -> EditQueue:
    """The queue of that ledger."""
    return EditQueue(ledger)


@pytest.fixture
def make_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Make workers with settings of their own.

    Every random number is in the middle of its range, the ledger's clock is the only one, and no service rests.
    """
    made: list[Worker] = []
    monkeypatch.setattr(random, "random", lambda: 0.5)
    monkeypatch.setattr(random, "uniform", lambda least, most: (least + most) / 2)
    monkeypatch.setattr("workers.dispatcher.TICK_S", 0)
    monkeypatch.setattr("workers.dispatcher.IDLE_S", 0)
    monkeypatch.setattr("workers.presence.EVERY_S", 0)
    monkeypatch.setattr("workers.store_watch.EVERY_S", 0)
    monkeypatch.setattr("workers.health._folder", lambda: tmp_path)

    def make(**settings: Any) -> Worker:
        made.append(Worker(**settings))
        for module in MEASURING:
            monkeypatch.setattr(f"{module}.time", Measured(made[-1].clock))
        return made[-1]

    yield make
    for worker in made:
        worker.close()


@pytest.fixture
def worker(make_worker: Callable[..., Worker]) -> Worker:
    """A worker with plain settings."""
    return make_worker()
