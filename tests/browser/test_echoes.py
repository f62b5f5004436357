"""What is said or done on the page, and what the stream tells of it later: an echo may be older than that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from retouch.ledger import Ledger
from retouch.ledger.views import iso
from retouch.queue import EditQueue
from tests.browser.conftest import Look
from tests.browser.scene import write_batch
from tests.browser.stream import Stream
from tests.browser.test_batches import edits
from tests.harness.waiting import until

BATCH = "oil"
LATER = "2999-01-01T00:00:00.000Z"


@pytest.fixture
def page(look: Look, ledger: Ledger) -> Page:
    """A page that is signed in, before it has opened anything."""
    write_batch(ledger, BATCH, 20, ended=1.0)
    return look("#/batches")


@pytest.fixture
def stream(page: Page) -> Stream:
    """What the page hears in the gallery, which it opens now."""
    stream = Stream(page, f"batch={BATCH}")
    page.evaluate(f"location.hash = '#/batches/{BATCH}/gallery'")
    expect(cell(page, 0)).to_be_focused()
    return stream


@pytest.fixture
def now(ledger: Ledger) -> Callable[[], str]:
    """Redis' clock, as times are written."""
    return lambda: str(iso(ledger.connection.now()))


def cell(page: Page, index: int) -> Locator:
    """One of the pictures."""
    return page.locator("picture-grid .cell").nth(index)


def shows(page: Page, pick: str) -> None:
    """What is said of the first picture."""
    expect(cell(page, 0)).to_have_attribute("data-pick", pick)


def test_an_echo_older_than_a_word_changes_nothing(page: Page, stream: Stream, now: Callable[[], str]) -> None:
    """Neither while the word is under way nor once it is kept; what is read later does."""
    with page.expect_response("**/picks"):
        page.keyboard.press("p")
    after_p = now()
    held: list[Route] = []
    page.route("**/picks", lambda route: held.append(route))
    with page.expect_request("**/picks"):
        page.keyboard.press("u")
    stream.tell([(0, "p")], after_p)
    shows(page, "undecided")
    page.keyboard.press("u")
    expect(page.get_by_text("Nothing was said here")).to_be_visible()
    with page.expect_response("**/picks"):
        held.pop().continue_()
    stream.tell([(1, "r")], after_p)
    expect(cell(page, 1)).to_have_attribute("data-pick", "rejected")
    shows(page, "undecided")
    stream.tell([(0, "r")], LATER)  # somebody else's
    shows(page, "rejected")


def test_what_others_said_later_is_shown_though_it_comes_before_the_answer(page: Page, stream: Stream) -> None:
    """It was read later than the word was kept; that is known when the answer comes."""
    held: list[Route] = []
    page.route("**/picks", lambda route: held.append(route))
    with page.expect_request("**/picks"):
        page.keyboard.press("p")
    stream.tell([(0, "r")], LATER)
    shows(page, "picked")
    held.pop().continue_()
    shows(page, "rejected")


def test_a_word_that_is_not_kept_is_not_shown(page: Page, stream: Stream, ledger: Ledger) -> None:
    """What Redis has is read again; so it is where edits cannot be chosen any more."""
    page.route("**/picks", lambda route: route.fulfill(status=503, json={"detail": "Redis is away"}))
    page.keyboard.press("p")
    expect(page.get_by_text("That was not kept: Redis is away")).to_be_visible()
    shows(page, "undecided")
    page.unroute("**/picks")
    EditQueue(ledger).choose(BATCH, reject=["lighthouse-000000"])
    page.route("**/picks", lambda route: route.fulfill(json=_refused()))
    page.keyboard.press("Home")
    page.keyboard.press("p")
    expect(page.get_by_text("1 edit cannot be chosen now, such as lighthouse-000000")).to_be_visible()
    shows(page, "rejected")


def _refused() -> dict[str, Any]:
    return {"changed": 0, "unknown": [], "unfinished": ["lighthouse-000000"], "at": "2026-01-01T00:00:00.000Z"}


def test_a_strip_read_before_a_word_was_kept_is_read_again(page: Page, stream: Stream, ledger: Ledger) -> None:
    """It may be older than the word, or newer."""
    asked: list[Route] = []
    page.route("**/strip?of=picks", lambda route: asked.append(route))
    with page.expect_request("**/strip?of=picks"):
        stream.say("reset")
    with page.expect_response("**/picks"):
        page.keyboard.press("p")
    EditQueue(ledger).choose(BATCH, clear=["lighthouse-000000"])
    with page.expect_request("**/strip?of=picks"):
        asked.pop().fulfill(body=b"r" + bytes(19))
    shows(page, "picked")
    asked.pop().continue_()
    shows(page, "undecided")


def test_what_was_said_is_kept_though_one_leaves_at_once(page: Page, ledger: Ledger) -> None:
    """Its name was not known yet: it is asked for still."""
    held: list[Route] = []
    page.route("**/edits?at=*", lambda route: held.append(route))
    page.evaluate(f"location.hash = '#/batches/{BATCH}/gallery'")
    expect(cell(page, 0)).to_be_focused()
    page.keyboard.press("p")

    def asked() -> list[Route]:
        return [one for one in held if "at=0&" in one.request.url]

    until(lambda: page.evaluate("1") and asked(), "its name is asked for")
    page.keyboard.press("g")
    expect(page.get_by_role("link", name="Gallery")).to_be_visible()
    with page.expect_response("**/picks"):
        for route in asked():
            route.continue_()
    assert EditQueue(ledger).picks(BATCH) == ["lighthouse-000000"]


def test_a_job_that_was_started_or_stopped_here_stays_so(
    page: Page, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though what is told of jobs was read before."""
    monkeypatch.setattr(ledger.jobs, "due", list)  # nobody does its pages
    EditQueue(ledger).enqueue(edits(3), batch="new")
    stream = Stream(page, "batch=new")
    page.evaluate("location.hash = '#/batches/new'")
    page.get_by_role("button", name="queued 3").click()
    page.get_by_role("button", name="Cancel 3…").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel 3 edits").click()
    jobs = page.get_by_role("region", name="Jobs")
    expect(jobs).to_contain_text("Cancelling 3 edits")
    stream.tell_event("jobs", {"jobs": []})
    expect(jobs).to_contain_text("Cancelling 3 edits")
    running = [job.to_json() for job in ledger.jobs.of_batch("new", 5)]
    jobs.get_by_role("button", name="Stop").click()
    expect(jobs).to_contain_text("Stopped: 0 of 3 edits cancelled")
    stream.tell_event("jobs", {"jobs": running})
    expect(jobs).to_contain_text("Stopped: 0 of 3 edits cancelled")
