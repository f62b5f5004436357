"""What the page says to somebody who sees it for the first time: in whose words, how long ago, what a word means."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from retouch.ledger import Ledger
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.browser.conftest import Look
from tests.browser.test_batch import end
from tests.browser.test_batches import edits


@pytest.fixture
def queue(ledger: Ledger) -> EditQueue:
    """A batch of thirty edits."""
    ledger.worker.see_worker("w", {})
    queue = EditQueue(ledger)
    queue.enqueue(edits(30), batch="oil")
    return queue


def later(page: Page) -> None:
    """Two minutes go by, in which nothing changes."""
    page.clock.fast_forward(120_000)


def test_how_long_ago_something_was_stays_true(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """Nothing else changes meanwhile: a batch that stands still is what somebody looks at."""
    ledger.worker.pause("submit:person", "lunch")
    page = look("#/batches/oil")
    page.clock.install()
    page.reload()
    made, begun = page.get_by_text("made just now"), page.get_by_role("region", name="Pauses of all batches")
    expect(made).to_be_visible()
    expect(begun).to_contain_text("begun just now: lunch")
    later(page)
    expect(page.get_by_text("made 2 min ago")).to_be_visible()
    expect(begun).to_contain_text("begun 2 min ago: lunch")
    page.evaluate("location.hash = '#/provider'")
    pauses = page.get_by_role("region", name="Pauses")
    expect(pauses).to_contain_text("begun 2 min ago")
    later(page)
    expect(pauses).to_contain_text("begun 4 min ago")


def test_when_a_retry_was_done_is_said(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """What somebody finds in the morning may be of the evening, or of a colleague a minute ago."""
    end(ledger, 1, EditState.FAILED, error='{"code": "failure", "message": "broken"}')
    page = look("#/batches/oil")
    page.get_by_role("button", name="Retry all…").click()
    page.get_by_role("button", name="Try 1 edit again").click()
    jobs = page.get_by_role("region", name="Jobs")
    expect(jobs).to_contain_text("1 of 1 edit queued again (key ada)")
    expect(jobs.locator("time")).to_have_text("just now")
