"""When an edit is asked about again, and what becomes of it at its deadline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from retouch.errors import UnavailableError
from retouch.provider.answers import Answer, Status
from tests.unit.tasks.polled import (
    FIRST_MS,
    REFUSED,
    REFUSED_MS,
    RUNNING,
    SECOND_MS,
    STRUCK,
    SUCCESS,
    TRIED,
    WAITING,
    at_the_api,
)
from tests.unit.worker_stage import DEADLINE_S, Worker

BOUNDS = {
    "within": ({}, SECOND_MS),
    "not sooner than the least": ({"poll_min": 4, "poll_max": 8}, 4000),
    "not later than the most": ({"poll_min": 0.1, "poll_max": 0.5}, 500),
}


@pytest.mark.parametrize(("settings", "due"), BOUNDS.values(), ids=BOUNDS)
def test_polls_keep_to_the_settings(make_worker: Callable[..., Worker], settings: dict[str, Any], due: int) -> None:
    """RETOUCH_POLL_MIN and RETOUCH_POLL_MAX hold while the edit runs."""
    worker = make_worker(**settings)
    worker.enqueue()
    worker.submit(RUNNING)
    worker.later(worker.seen()["due"])
    worker.poll(RUNNING)
    assert worker.seen()["due"] == due


@pytest.mark.parametrize("outcome", [RUNNING, REFUSED], ids=["running", "refused"])
def test_the_last_poll_comes_at_the_deadline(worker: Worker, outcome: Any) -> None:
    """With 0.6 s left the edit is asked about once more right then."""
    at_the_api(worker)
    worker.later(int(DEADLINE_S * 1000) - FIRST_MS - 600)
    worker.poll(outcome)
    assert worker.seen()["due"] == 600


def test_the_first_poll_comes_at_the_deadline_at_the_latest(make_worker: Callable[..., Worker]) -> None:
    """Also where the deadline is shorter than the usual delay."""
    worker = make_worker(deadline=0.4)
    worker.enqueue()
    worker.submit(RUNNING)
    assert worker.seen()["due"] == 400


OVERDUE = {
    "running": (RUNNING, {"state": "failed", "submits": 1, "error": "deadline"}),
    "success": (SUCCESS, {"state": "completed", "submits": 1, "images": 1}),
    "success without an image": (
        Answer(Status.SUCCESS, "p1", (), None),
        WAITING | {"polls": 1, "due": SECOND_MS, "note": "the API reports success, and 0 of 1 links"},
    ),
    "unavailable": (UnavailableError("why"), TRIED | {"troubles": 1}),
    "refused": (REFUSED, STRUCK),
}


@pytest.mark.parametrize(("outcome", "seen"), OVERDUE.values(), ids=OVERDUE)
def test_the_deadline_strikes_only_an_edit_that_still_runs(worker: Worker, outcome: Any, seen: dict[str, Any]) -> None:
    """What is finished is kept, and while the API cannot say how it is nothing is given up."""
    at_the_api(worker)
    worker.later(int(DEADLINE_S * 1000) - FIRST_MS)
    worker.poll(outcome)
    assert worker.seen() == seen


def test_an_unknown_edit_is_asked_about_once_more_after_the_deadline(worker: Worker) -> None:
    """An API that forgot everything ends every edit, with nobody to compare with."""
    at_the_api(worker)
    worker.later(int(DEADLINE_S * 1000) - FIRST_MS)
    worker.poll(REFUSED)
    assert worker.seen() == STRUCK
    worker.later(REFUSED_MS)
    worker.poll(REFUSED)
    assert worker.seen() == {"state": "failed", "submits": 1, "error": "lost"}


def test_the_word_of_an_edit_that_never_ends_is_in_its_message(worker: Worker) -> None:
    """A word that is not understood may be why."""
    at_the_api(worker)
    worker.later(int(DEADLINE_S * 1000) - FIRST_MS)
    worker.poll(Answer(Status.RUNNING, "p1", (), None, "DREAMING"))
    [result] = worker.ledger.reader.results("b")
    assert (
        result["error"]["message"]
        == "the API had no result 60 s after it took the edit (RETOUCH_DEADLINE); it says 'DREAMING'"
    )
