"""A success whose links come late, or never."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from retouch.provider.answers import Answer, Status
from tests.unit.tasks.polled import at_the_api
from tests.unit.worker_stage import Worker

A, B = "https://results.test/a.png", "https://results.test/b.png"


def success(*urls: str, provider_id: str | None = "p1") -> Answer:
    """The API is done, and serves these links."""
    return Answer(Status.SUCCESS, provider_id, urls, None)


MISSING = {
    "none ever": ((), {"state": "failed", "error": "empty_result"}),
    "one of two": ((A,), {"state": "failed", "error": "partial_result", "images": 1}),
}


@pytest.mark.parametrize("at_once", [True, False], ids=["of the submit", "of a poll"])
@pytest.mark.parametrize(("urls", "seen"), MISSING.values(), ids=MISSING)
def test_missing_links_are_asked_for_again_for_a_minute(
    make_worker: Callable[..., Worker], urls: tuple[str, ...], seen: dict[str, Any], at_once: bool
) -> None:
    """At the backoff's delays; then what there is is kept, and the edit fails for the rest."""
    worker = make_worker(deadline=3600)
    worker.enqueue(samples=2)
    worker.submit(success(*urls) if at_once else Answer(Status.RUNNING, "p1", (), None))
    worker.later(1000)
    began = worker.clock.now - (1000 if at_once else 0)
    delays = []
    while worker.clock.now - began < 60_000:
        worker.poll(success(*urls))
        assert worker.seen()["state"] == "waiting"
        assert worker.seen()["note"] == f"the API reports success, and {len(urls)} of 2 links"
        delays.append(worker.seen()["due"])
        worker.later(delays[-1])
    assert delays[:8] == [1500, 2250, 3375, 5062, 7593, 10_000, 10_000, 10_000]
    worker.poll(success(*urls))
    assert worker.seen() == {"submits": 1} | seen


def test_links_that_come_late_complete_the_edit(worker: Worker) -> None:
    """And an API that goes back to running has its time: the minute begins anew with the next success."""
    worker.enqueue(samples=2)
    worker.submit(success(A))
    worker.later(1000)
    worker.poll(success(A))
    worker.later(worker.seen()["due"])
    worker.poll(Answer(Status.RUNNING, "p1", (), None))
    assert not worker.client.hexists(worker.keys.edit("b/c0"), "incomplete")
    worker.later(worker.seen()["due"])
    worker.poll(success(A, B))
    assert worker.seen() == {"state": "completed", "submits": 1, "images": 2}


def test_missing_links_are_asked_for_within_the_bounds_of_the_settings(make_worker: Callable[..., Worker]) -> None:
    """RETOUCH_POLL_MAX holds for every poll."""
    worker = at_the_api(make_worker(poll_max=0.5))
    worker.poll(success())
    assert worker.seen()["due"] == 500


def test_missing_links_of_an_edit_without_an_id_are_not_waited_for(worker: Worker) -> None:
    """Nothing can be asked about: the image that came is kept, and the edit fails for the other."""
    worker.enqueue(samples=2)
    worker.submit(success(A, provider_id=None))
    assert worker.seen() == {"state": "failed", "submits": 1, "error": "partial_result", "images": 1}
