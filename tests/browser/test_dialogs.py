"""Dialogs of the page: each is about what was shown when it was opened, names it, and does not outlive it."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from playwright.sync_api import Page, Route, expect

from retouch.access_keys import AccessKeys
from retouch.ledger import Ledger
from retouch.price import Price
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.browser.conftest import Look
from tests.browser.scene import write_batch
from tests.browser.stream import Stream
from tests.browser.test_batch import end
from tests.browser.test_batches import edits
from tests.harness.waiting import until

BROKEN = '{"code": "failure", "message": "broken"}'
OF_A_BATCH = ("Retry all…", "Retry 2…", "Cancel 3…", "Pause…", "Budget…", "Cancel what is queued…")
OF_AN_EDIT, OF_THE_GALLERY = ("Try it again…",), ("Again…", "Export…")


@pytest.fixture
def queue(ledger: Ledger) -> EditQueue:
    """A batch of which two edits failed and three wait, and one whose pictures are all there."""
    ledger.worker.see_worker("w", {})
    ledger.producer.set_price(Price(Decimal("0.5"), "USD"))
    write_batch(ledger, "prints", 40, ended=1)
    queue = EditQueue(ledger)
    queue.enqueue(edits(5), batch="oil")
    end(ledger, 2, EditState.FAILED, error=BROKEN)
    return queue


# Nothing has come for half a second that would move a button away between its press and its release.
AT_REST = """() => new Promise((done) => {
  let timer = 0;
  const grows = new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(() => { grows.disconnect(); done(); }, 500);
  });
  grows.observe(document.querySelector("#main"));
})"""


def opened(page: Page, path: str, button: str) -> None:
    """Go there from the list of batches, and open the dialog of this button."""
    page.evaluate(f"location.hash = '{path}'")
    found = page.get_by_role("button", name=button, exact=True).first
    expect(found).to_be_visible()
    page.evaluate(AT_REST)
    found.click()


@pytest.mark.parametrize(
    ("path", "batch", "buttons"),
    [
        ("#/batches/oil?state=failed,queued", "oil", OF_A_BATCH),
        ("#/batches/oil/edits/cat-0", "cat-0 of oil", OF_AN_EDIT),
        ("#/batches/prints/gallery", "prints", OF_THE_GALLERY),
        ("#/provider", "", ("Pause all submits…",)),
        ("#/provider", "", ("?",)),
    ],
)
def test_a_dialog_names_its_batch_and_goes_with_it(
    look: Look, queue: EditQueue, path: str, batch: str, buttons: tuple[str, ...]
) -> None:
    """Back leaves none over another view: what it would do is not about what is seen there."""
    page = look("#/batches")
    for button in buttons:
        opened(page, path, "Keys of this page" if button == "?" else button)
        expect(page.get_by_role("dialog")).to_be_visible()
        expect(page.get_by_role("dialog").get_by_role("heading", name=batch).first).to_be_visible()
        page.go_back()
        expect(page.get_by_role("heading", name="Batches")).to_be_visible()
        expect(page.locator("dialog")).to_have_count(0)


def test_an_edit_that_is_left_by_back_is_not_decided_about(look: Look, queue: EditQueue) -> None:
    """The view stays, and shows another edit of the same batch."""
    page = look("#/batches/oil/edits/cat-1")
    opened(page, "#/batches/oil/edits/cat-0", "Try it again…")
    expect(page.get_by_role("dialog", name="Try cat-0 of oil again?")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="cat-1")).to_be_visible()
    expect(page.locator("dialog")).to_have_count(0)


def test_what_fails_after_its_dialog_is_gone_is_told(look: Look, queue: EditQueue) -> None:
    """Somebody goes on while the button is at work, and learns that nothing came of it."""
    page = look("#/batches")
    opened(page, "#/batches/oil", "Pause…")
    held: list[Route] = []
    page.route("**/pause", lambda route: held.append(route))
    page.get_by_role("button", name="Pause it").click()
    page.wait_for_function("document.querySelector('dialog button.main').disabled")
    until(lambda: page.evaluate("1") and held, "it is asked for")
    page.go_back()
    expect(page.locator("dialog")).to_have_count(0)
    held[0].fulfill(status=503, json={"detail": "Redis does not answer"})
    expect(page.locator("#notices")).to_contain_text("Redis does not answer")


def test_the_end_of_a_session_closes_them(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """The sign-in is what can be done then."""
    page = look("#/batches/oil")
    Stream(page)
    page.reload()
    page.get_by_role("button", name="Pause…").click()
    page.route("**/v1/**", lambda route: route.continue_() if route.request.method == "POST" else None)
    page.evaluate("1")  # from now on it asks for nothing, or it may find out by itself
    AccessKeys(ledger, "here").revoke("ada")
    page.get_by_role("button", name="Pause it").click()
    expect(page.get_by_role("heading", name=re.compile("Sign in"))).to_be_visible()
    expect(page.locator("dialog")).to_have_count(0)
