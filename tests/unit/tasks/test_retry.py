"""A retry that asks the API for the result first."""

from __future__ import annotations

from collections.abc import Callable

from retouch.ledger import NOW
from retouch.provider.answers import Answer, Status
from tests.unit.tasks.polled import FIRST_MS, REFUSED, RUNNING, SUCCESS, at_the_api
from tests.unit.worker_stage import DEADLINE_S, Worker


def asked_again(worker: Worker) -> Worker:
    """An edit that failed at its deadline, and is retried: its poll is due."""
    at_the_api(worker)
    worker.later(int(DEADLINE_S * 1000) - FIRST_MS)
    worker.poll(RUNNING)
    assert worker.ledger.producer.retry("b") == (1, 0)
    return worker


def split(worker: Worker) -> tuple[int, int]:
    """How many edits were recovered, and sent anew."""
    view = worker.ledger.reader.batch("b")
    assert view
    return view.recovered, view.sent_anew


def test_a_retry_asks_for_the_result_that_the_api_still_has(worker: Worker) -> None:
    """Nothing is paid again, and the batch tells of it; how long it took teaches nothing of the number of places."""
    asked_again(worker).poll(SUCCESS)
    assert (worker.seen(), split(worker)) == ({"state": "completed", "submits": 1, "images": 1}, (1, 0))
    assert len(worker.api.posts) == 1
    assert not worker.client.hexists(worker.keys.state, "result_ms")


def test_a_retry_gives_a_new_deadline(worker: Worker) -> None:
    """As long as a new edit has."""
    asked_again(worker).poll(RUNNING)
    assert worker.seen()["state"] == "waiting"
    deadline = int(worker.stored(worker.keys.edit("b/c0"), "deadline"))
    assert deadline == worker.clock.now + DEADLINE_S * 1000


def test_an_edit_that_the_api_has_no_longer_is_sent_anew(make_worker: Callable[..., Worker]) -> None:
    """Under the same rule as an edit that is lost; its next submit is a new purchase."""
    worker = asked_again(make_worker(patience=0.5))
    for _ in range(5):
        worker.poll(REFUSED)
        worker.later(1000)
        worker.ledger.worker.observe(good={"status": NOW})
    assert (worker.seen(), split(worker)) == ({"state": "queued", "submits": 1}, (0, 1))
    worker.submit(RUNNING)
    assert worker.api.submits == ["b/c0/1", "b/c0/2"]


def test_a_retry_that_learns_of_a_failure_ends_with_it(worker: Worker) -> None:
    """The API's word about the edit is final, and it is not asked about again."""
    asked_again(worker).poll(Answer(Status.FAILURE, "p1", (), "bad"))
    assert (worker.seen()["error"], split(worker)) == ("failure", (0, 0))
    assert worker.ledger.producer.retry("b") == (0, 1)
