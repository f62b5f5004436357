"""What one worker is asked to wait holds back the others at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from retouch.errors import LedgerAwayError
from retouch.ledger import Wait
from tests.unit.worker_stage import Worker
from workers import pause_news
from workers.pauses import NEWS_MS, UNTIL_TOLD_MS


def told(worker: Worker) -> list[Wait]:
    """What all workers told, as another one hears it."""
    return worker.ledger.worker.hear_waits("0-0", 1)


def test_a_wait_is_told_to_the_others(worker: Worker) -> None:
    """For as long as it takes until the ledger tells it, however long the API asked to wait."""
    worker.context.pauses.hold("submit", 60)
    worker.pass_news(lambda: bool(told(worker)))
    assert [(wait.kind, wait.until) for wait in told(worker)] == [("submit", worker.clock.now + UNTIL_TOLD_MS)]


def test_what_others_were_asked_holds_back_here(worker: Worker) -> None:
    """That kind of request alone, and until then."""
    pauses = worker.context.pauses
    worker.ledger.worker.tell_wait("status", worker.clock.now + 700)
    worker.pass_news(lambda: not pauses.may_send("status"))
    assert pauses.may_send("submit")
    worker.clock.now += 700
    assert pauses.may_send("status")


def test_a_wait_is_told_once(worker: Worker) -> None:
    """Many submits may be asked to wait at the same moment; one that ends much later is told too."""
    for wait_s in (0.5, 0.5, 0.5 + NEWS_MS / 1000, 0.2, 0.9):
        worker.context.pauses.hold("submit", wait_s)
    worker.context.pauses.hold("status", 0.5)
    worker.pass_news(lambda: len(told(worker)) > 2)
    in_ms = sorted((wait.kind, wait.until - worker.clock.now) for wait in told(worker))
    assert in_ms == [("status", 500), ("submit", 500), ("submit", 900)]


def test_what_is_told_is_forgotten_soon(worker: Worker) -> None:
    """The ledger's own pause is what lasts."""
    worker.ledger.worker.tell_wait("submit", worker.clock.now + 1000)
    assert 0 < worker.client.pttl(worker.keys.waits) <= 60_000


def test_an_outage_of_redis_ends_nothing(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be told or heard is told by the claims; what comes later is told and heard again."""
    calls = {"tell_wait": 0, "hear_waits": 0}
    for name in calls:
        monkeypatch.setattr(worker.ledger.worker, name, _away_once(worker, name, calls))
    monkeypatch.setattr(pause_news, "AGAIN_S", 0.01)
    worker.context.pauses.hold("submit", 0.1)
    worker.pass_news(lambda: calls["tell_wait"] > 0)
    worker.context.pauses.hold("submit", 0.9)
    worker.pass_news(lambda: calls["hear_waits"] > 2 and calls["tell_wait"] > 1)
    assert [wait.until - worker.clock.now for wait in told(worker)] == [900]


def _away_once(worker: Worker, name: str, calls: dict[str, int]) -> Callable[..., object]:
    """A call of the ledger that is counted, and that Redis is away for at first."""
    call: Callable[..., object] = getattr(worker.ledger.worker, name)

    def away_once(*args: object) -> object:
        calls[name] += 1
        if calls[name] == 1:
            raise LedgerAwayError("away")
        return call(*args)

    return away_once
