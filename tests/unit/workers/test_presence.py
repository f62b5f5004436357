"""How others see that a worker is alive."""

from __future__ import annotations

import pytest

from retouch.errors import LedgerAwayError
from tests.unit.worker_stage import Worker
from workers import health, presence


def test_a_worker_shows_in_the_ledger_and_to_the_health_check(worker: Worker) -> None:
    """Both at once, for as long as it runs."""
    worker.show_itself(lambda: bool(worker.ledger.reader.workers()) and health.alive())


def test_a_worker_is_healthy_while_redis_is_away(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its heartbeats go on, so that no supervisor restarts all workers for an outage of Redis."""
    beats: list[None] = []

    def away(*_: object, **__: object) -> None:
        raise LedgerAwayError("away")

    monkeypatch.setattr(worker.ledger.worker, "see_worker", away)
    monkeypatch.setattr(health, "beat", lambda: beats.append(None))
    worker.show_itself(lambda: len(beats) > 2)
    assert worker.ledger.reader.workers() == []


def test_a_worker_says_once_that_it_has_started(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its first heartbeat: a sink that is gone is tried again by a start, and not every two seconds."""
    told: list[bool] = []
    monkeypatch.setattr(presence, "EVERY_S", 0)
    monkeypatch.setattr(worker.ledger.worker, "see_worker", lambda *_, started, **__: told.append(bool(started)))
    worker.show_itself(lambda: len(told) > 2)
    assert told[:3] == [True, False, False]
