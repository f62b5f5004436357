"""How requests to the API are counted: by kind and by answer, with what is settled of their edit."""

from __future__ import annotations

import socket
from importlib.metadata import version

import pytest

from retouch.errors import (
    AmbiguousError,
    ApiError,
    GoneError,
    HeldBackError,
    NotSentError,
    RefusedError,
    ThrottledError,
    UnavailableError,
)
from retouch.ledger import Latency, Step
from retouch.provider.answers import Answer
from tests.unit.tasks.polled import RUNNING, SUCCESS, URL, at_the_api
from tests.unit.worker_stage import Worker

ERRORS: list[tuple[ApiError, str]] = [
    (ThrottledError("why", code=429), "429"),
    (UnavailableError("why", code=503), "503"),
    (RefusedError("why", code=403), "403"),
    (RefusedError("why", definite=True, code=400), "400"),
    (NotSentError("why"), "unreached"),
]


def counted(worker: Worker) -> dict[str, int]:
    """What was asked of the API, and how often that was answered how."""
    found = worker.client.hgetall(worker.keys.counts)
    return {str(n): int(found[n]) for n in found if str(n).startswith(("submit:", "status:", "taken"))}


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        (RUNNING._replace(code=202), {"submit:202": 1, "taken": 1}),
        *((error, {f"submit:{code}": 1}) for error, code in ERRORS),
        (AmbiguousError("why"), {"submit:none": 1}),
        (AmbiguousError("why", code=500, answered=True), {"submit:500": 1}),
        (HeldBackError("why"), {}),
    ],
    ids=str,
)
def test_a_submit_is_counted_by_its_answer(worker: Worker, outcome: Answer | ApiError, counts: dict[str, int]) -> None:
    """Once, by its HTTP status or what there was in place of an answer; one that was not sent is none."""
    worker.enqueue()
    worker.submit(outcome)
    assert counted(worker) == counts


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        (RUNNING, {"status:200": 1}),
        *((error, {f"status:{code}": 1}) for error, code in ERRORS),
        (UnavailableError("why"), {"status:none": 1}),
        (RefusedError("the id is not one that the API can have assigned"), {}),
    ],
    ids=str,
)
def test_a_poll_is_counted_by_its_answer(worker: Worker, outcome: Answer | ApiError, counts: dict[str, int]) -> None:
    """The same."""
    at_the_api(worker)
    before = counted(worker)
    worker.poll(outcome)
    assert counted(worker) == before | counts


def test_an_edit_that_is_copied_at_once_has_one_submit(worker: Worker) -> None:
    """Its claim is settled twice, and its request is counted with the first."""
    worker.enqueue()
    worker.submit(SUCCESS)
    assert worker.seen()["state"] == "completed"
    assert counted(worker) == {"submit:200": 1, "taken": 1}


def test_an_edit_that_is_asked_for_its_links_again_has_another_poll(worker: Worker) -> None:
    """That settles nothing by itself: it is counted with what comes of the copy."""
    at_the_api(worker)
    worker.outside.results.errors = {URL: GoneError("gone")}
    worker.poll(SUCCESS)
    assert counted(worker)["status:200"] == 1
    worker.later(1000)
    worker.poll(SUCCESS)
    assert counted(worker)["status:200"] == 2


def test_two_edits_of_one_message_are_counted_each_with_its_own_answer(worker: Worker) -> None:
    """They are worked on at once."""
    for batch in "ab":
        worker.enqueue(batch=batch)
    worker.api.will(RUNNING, ThrottledError("why", code=429))
    worker.do([claim for claim in worker.claim().claims if claim.step is Step.SUBMIT])
    assert counted(worker) == {"submit:200": 1, "submit:429": 1, "taken": 1}


@pytest.mark.parametrize(
    ("outcome", "answers"),
    [(RUNNING, 1), (ThrottledError("why", code=429), 1), (NotSentError("why"), 0), (AmbiguousError("why"), 0)],
    ids=str,
)
def test_how_long_an_answer_took_is_told_with_the_next_heartbeat(
    worker: Worker, outcome: Answer | ApiError, answers: int
) -> None:
    """Of whatever was answered; of what was not, nothing is known."""
    worker.enqueue()
    worker.submit(outcome)
    worker.show_itself(lambda: bool(worker.ledger.reader.workers()))
    assert Latency.of(worker.ledger.reader.figures().counts, "submit").answers == answers


def test_a_worker_says_what_it_has_in_hand(worker: Worker) -> None:
    """And where it runs, and which version it is."""
    worker.enqueue()
    worker.context.leases.begin([worker.one(Step.SUBMIT)], 0.0)
    worker.show_itself(lambda: bool(worker.ledger.reader.workers()))
    [said] = worker.ledger.reader.crew()
    assert (said.host, said.version, said.steps) == (socket.gethostname(), version("retouch"), 1)
