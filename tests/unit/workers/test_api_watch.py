"""A worker asks the API for the status of no edit: at the start, and in outages of submits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from retouch.causes import Fared
from retouch.errors import NotSentError, RefusedError, ThrottledError, UnavailableError
from retouch.ledger import Step
from tests.unit.worker_stage import Worker
from workers.api_watch import ApiWatch


@pytest.fixture
def watch(worker: Worker) -> ApiWatch:
    return worker.dispatcher._watch


LOOKS = {
    "unknown id": (RefusedError("404: no such id", definite=True), []),
    "no such path": (RefusedError("Not Found", definite=True), [("error", "api.looks_wrong")]),
    "a web server": (RefusedError("404 Not Found"), [("error", "api.looks_wrong")]),
    "redirects": (RefusedError("it redirects to https://api.test/login"), [("error", "api.looks_wrong")]),
    "a page with 200": (UnavailableError("the API's answer cannot be read"), [("warning", "api.not_reached")]),
    "not reached": (NotSentError("no connection"), [("warning", "api.not_reached")]),
    "away": (UnavailableError("503"), [("warning", "api.not_reached")]),
    "busy": (ThrottledError("429", 5.0), []),
}


@pytest.mark.parametrize(("answer", "lines"), LOOKS.values(), ids=LOOKS)
def test_a_look_says_what_is_wrong_and_concludes_nothing(
    worker: Worker, watch: ApiWatch, answer: Exception, lines: list[tuple[str, str]]
) -> None:
    """A wrong address is named before anything is submitted; no pause begins, and none is counted."""
    worker.api.unknown = answer
    with capture_logs() as logs:
        while not asyncio.run(watch.look(0)):
            pass
    assert [(line["log_level"], line["event"]) for line in logs] == lines
    assert (len(worker.api.looks), worker.pauses()) == (2 if getattr(answer, "definite", False) else 1, {})
    assert worker.ledger.reader.provider().troubles == 0


ASKED = {
    "unknown id": (RefusedError("404", definite=True), Fared.ANSWERED, True),
    "a refusal": (RefusedError("403"), Fared.ANSWERED, True),
    "away": (UnavailableError("503"), Fared.SILENT, False),
    "not reached": (NotSentError("no connection"), Fared.SILENT, False),
}


@pytest.mark.parametrize(("answer", "fared", "open_"), ASKED.values(), ids=ASKED)
def test_an_answer_in_an_outage_of_submits_lets_one_submit_try(
    worker: Worker, watch: ApiWatch, answer: Exception, fared: Fared, open_: bool
) -> None:
    """Any answer tells that the API is there; silence lets nobody try."""
    worker.enqueue()
    worker.fail("submit")
    worker.clock.now += 1000
    worker.api.unknown = answer
    with capture_logs() as logs:
        asyncio.run(watch.ask(0))
    assert [line["fared"] for line in logs if line["event"] == "api.asked"] == [fared]
    worker.clock.now += 2000
    assert [claim.step for claim in worker.edits()] == [Step.SUBMIT] * open_


@pytest.mark.parametrize(("asked_s", "wait_ms"), [(7.0, 7000), (None, 1000)])
def test_an_api_that_asks_to_wait_is_asked_no_status_so_long(
    worker: Worker, watch: ApiWatch, asked_s: float | None, wait_ms: int
) -> None:
    """Its Retry-After binds all status requests, and no submits."""
    worker.api.unknown = ThrottledError("429", asked_s)
    asyncio.run(watch.ask(0))
    assert worker.probes() == {"status:throttled": wait_ms}


@pytest.mark.parametrize("asks", [ApiWatch.look, ApiWatch.ask])
def test_a_question_is_held_back_by_a_retry_after(
    worker: Worker, watch: ApiWatch, asks: Callable[[ApiWatch, int], Any]
) -> None:
    """At the wire, as any request of its kind; then nothing is known, and nothing is told."""
    worker.context.pauses.hold("status", 5.0)
    with capture_logs() as logs:
        asyncio.run(asks(watch, 0))
    assert (worker.api.looks, worker.pauses(), logs) == ([], {}, [])


def test_it_asks_about_an_id_that_nobody_has(worker: Worker, watch: ApiWatch) -> None:
    """A new one each time, so that no cache answers."""
    asyncio.run(watch.look(0))
    asyncio.run(watch.ask(0))
    first, second = worker.api.looks
    assert first != second
