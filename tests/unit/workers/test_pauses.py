"""What a process knows of pauses, and what it holds back before the ledger tells it."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from retouch.ledger import InForce
from tests.unit.worker_stage import Worker
from workers.pauses import UNTIL_TOLD_MS, Pauses

NAME = "submit:throttled"


@pytest.fixture
def pauses(worker: Worker) -> Pauses:
    return worker.context.pauses


def ends_in(worker: Worker, ms: int) -> dict[str, InForce]:
    """A Retry-After of submits, as a claim is told of it."""
    return {NAME: InForce(worker.clock.now + ms, "429")}


def test_a_retry_after_holds_back_until_it_is_over(worker: Worker, pauses: Pauses) -> None:
    """By the clock of the ledger, and for its kind of request alone."""
    pauses.see(ends_in(worker, 5000))
    assert (pauses.may_send("submit"), pauses.may_send("status")) == (False, True)
    worker.clock.now += 4999
    assert not pauses.may_send("submit")
    worker.clock.now += 1
    assert pauses.may_send("submit")


def test_a_pause_without_an_end_holds_no_request_back(pauses: Pauses) -> None:
    """A probe of it is on its way: the ledger has let it go."""
    pauses.see({"submit:outage": InForce(0, "503"), "submit:refused": InForce(0, "403")})
    assert pauses.may_send("submit")


def test_a_pause_that_the_ledger_has_ended_holds_nothing_back(worker: Worker, pauses: Pauses) -> None:
    """Another worker's request was answered well."""
    pauses.see(ends_in(worker, 5000))
    pauses.see({})
    assert pauses.may_send("submit")


@pytest.mark.parametrize(("wait_s", "held_ms"), [(0.2, 200), (60.0, UNTIL_TOLD_MS)])
def test_what_this_process_was_asked_itself_holds_back_at_once(
    worker: Worker, pauses: Pauses, wait_s: float, held_ms: int
) -> None:
    """Before the ledger tells it; and no longer than that takes, since the ledger may know better."""
    pauses.hold("submit", wait_s)
    worker.clock.now += held_ms - 1
    assert (pauses.may_send("submit"), pauses.may_send("status")) == (False, True)
    worker.clock.now += 1
    assert pauses.may_send("submit")


def test_a_shorter_wait_does_not_shorten_a_longer_one(worker: Worker, pauses: Pauses) -> None:
    """Two requests may be asked to wait at about the same time; a claim that was told of none ends neither."""
    pauses.hold("submit", 0.8)
    pauses.hold("submit", 0.1)
    pauses.see({})
    worker.clock.now += 799
    assert not pauses.may_send("submit")


def test_a_pause_is_logged_when_it_begins_and_when_it_ends(worker: Worker, pauses: Pauses) -> None:
    """Once each, with its reason, however often a claim tells of it."""
    with capture_logs() as logs:
        for _ in range(3):
            pauses.see(ends_in(worker, 5000))
        for _ in range(3):
            pauses.see({})
    assert [(line["event"], line["pause"]) for line in logs] == [("requests.paused", NAME), ("requests.resumed", NAME)]
    assert (logs[0]["reason"], logs[0]["remedy"]) == ("429", "the API asked for it, and it ends by itself")
