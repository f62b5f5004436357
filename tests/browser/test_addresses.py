"""What is filtered and opened stands in the address: a link to it shows the same, and Back leads to what was before."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from retouch.ledger import Ledger
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.browser.conftest import Look
from tests.browser.scene import EDIT, write_batch
from tests.browser.test_batch import end
from tests.browser.test_batches import edits, names

REFUSED = '{"code": "refused", "message": "width 99 is too large"}'
BROKEN = '{"code": "failure", "message": "broken"}'


@pytest.fixture
def queue(ledger: Ledger) -> EditQueue:
    """A batch of nine edits, of which two failed for one reason and one for another; and one that is paused."""
    ledger.worker.see_worker("w", {})
    found = EditQueue(ledger, sender="ann@build7")
    found.enqueue(edits(9), batch="oil")
    end(ledger, 2, EditState.FAILED, error=REFUSED)
    end(ledger, 1, EditState.FAILED, error=BROKEN)
    EditQueue(ledger, sender="nightly").enqueue(edits(1), batch="paused-one")
    found.pause("paused-one")
    return found


def fragment(page: Page) -> str:
    """What the address says."""
    return str(page.evaluate("location.hash"))


def test_a_link_to_what_a_batch_is_filtered_by_shows_the_same(look: Look, queue: EditQueue) -> None:
    """After a reload too; each choice is a step back, and the edit that is open is in it as well."""
    page = look("#/batches/oil")
    shown = page.get_by_role("status").filter(has_text="shown")
    page.get_by_role("button", name="failed 3").click()
    page.get_by_role("button", name="queued 6").click()
    expect(shown).to_have_text("9 of 9 shown")
    page.get_by_role("button", name="queued 6").click()
    page.get_by_role("button", name="Show these").first.click()
    expect(shown).to_have_text("2 of 9 shown")
    assert fragment(page) == "#/batches/oil?state=failed&group=1"
    page.locator("virtual-list .row").first.click()
    expect(page.get_by_role("heading", name="cat-0")).to_be_visible()
    assert fragment(page) == "#/batches/oil/edits/cat-0?state=failed&group=1"
    page.reload()
    expect(shown).to_have_text("2 of 9 shown")
    expect(page.get_by_role("button", name="failed 3")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Show these").first).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("heading", name="cat-0")).to_be_visible()
    page.get_by_role("button", name="Close the edit").click()
    for text, address in (("3 of 9", "?state=failed"), ("9 of 9", "?state=queued,failed"), ("3 of 9", "?state=failed")):
        page.go_back()
        expect(shown).to_have_text(f"{text} shown")
        assert fragment(page) == f"#/batches/oil{address}"
    page.go_back()
    expect(shown).to_have_text("9 shown")
    page.go_forward()
    expect(shown).to_have_text("3 of 9 shown")


@pytest.mark.parametrize("filters", ["state=weary&group=999", "group=0,x,9&colour=red", "state=%&group", "?"])
def test_a_filter_that_cannot_be_is_passed_over(look: Look, queue: EditQueue, filters: str) -> None:
    """Also one by a reason for which no edit has failed, or none any more."""
    page = look(f"#/batches/oil?{filters}")
    expect(page.get_by_text("9 shown", exact=True)).to_be_visible()
    expect(page.get_by_role("alert").filter(visible=True)).to_have_count(0)
    page.goto(f"{page.url.partition('#')[0]}#/batches?state=weary&search={'x' * 90}&colour=red")
    expect(page.locator(".batch-row")).to_have_count(2)
    expect(page.get_by_role("alert").filter(visible=True)).to_have_count(0)


def test_a_filter_by_a_reason_ends_when_no_edit_failed_for_it_any_more(look: Look, queue: EditQueue) -> None:
    """It could not be taken back otherwise; the others stay as they were."""
    page = look("#/batches/oil?state=failed&group=1")
    expect(page.get_by_text("2 of 9 shown")).to_be_visible()
    queue.retry("oil", group=1)
    expect(page.get_by_text("1 of 9 shown")).to_be_visible()
    assert fragment(page) == "#/batches/oil?state=failed"


def test_a_link_to_the_batches_of_one_kind_shows_the_same(look: Look, queue: EditQueue) -> None:
    """By state, sender and name; a word that is searched for is one step."""
    page = look("#/batches")
    expect(page.locator(".batch-row")).to_have_count(2)
    page.get_by_role("button", name="open").click()
    page.get_by_label("Batches sent by").select_option("ann@build7")
    page.keyboard.press("/")
    page.keyboard.type("Oi, l")
    expect(page.get_by_text("No batch here is like that.")).to_be_visible()
    assert fragment(page) == "#/batches?state=open&by=ann%40build7&search=Oi%2C%20l"
    page.reload()
    expect(page.get_by_text("No batch here is like that.")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_have_value("Oi, l")
    page.go_back()
    expect(page.locator(".batch-row")).to_have_count(1)
    expect(page.get_by_role("searchbox")).to_have_value("")
    expect(page.get_by_role("button", name="open")).to_have_attribute("aria-pressed", "true")
    page.locator(".batch-row").click()
    page.get_by_role("heading", name="oil").wait_for()
    page.go_back()
    expect(page.get_by_label("Batches sent by")).to_have_value("ann@build7")
    page.get_by_role("link", name="Batches").click()
    expect(page.locator(".batch-row")).to_have_count(2)
    assert names(page) == ["paused-one", "oil"]


def test_the_list_follows_an_edit_that_a_link_opens(look: Look, ledger: Ledger) -> None:
    """It goes to its row; and Back to the edit does the same."""
    write_batch(ledger, "night", 20_000)
    keys, client = ledger.connection.keys, ledger.connection._client
    for place in (9_000, 15_000):
        client.hset(keys.edits("night"), f"lighthouse-{place:06}", json.dumps(EDIT))
        client.hset(keys.edit(f"night/lighthouse-{place:06}"), mapping={"state": "queued", "submits": 0})
    page = look("#/batches/night/edits/lighthouse-009000")
    selected = page.locator("virtual-list .row[aria-selected=true]")
    expect(selected).to_contain_text("lighthouse-009000")
    expect(selected).to_be_in_viewport()
    top = page.locator("virtual-list").evaluate("(list) => list.scrollTop")
    page.evaluate("location.hash = '#/batches/night/edits/lighthouse-015000'")
    expect(selected).to_contain_text("lighthouse-015000")
    page.get_by_role("link", name="Workers").click()
    page.go_back()
    expect(selected).to_contain_text("lighthouse-015000")
    page.go_back()
    expect(selected).to_contain_text("lighthouse-009000")
    assert page.locator("virtual-list").evaluate("(list) => list.scrollTop") == top


def test_an_edit_that_the_filters_hide_says_so(look: Look, ledger: Ledger, queue: EditQueue) -> None:
    """With the way to its row; also when it leaves what is shown before one's eyes."""
    page = look("#/batches/oil/edits/cat-5?state=failed")
    panel = page.get_by_role("complementary", name="Edit")
    hidden = panel.get_by_text("The filters hide it in the list.")
    selected = page.locator("virtual-list .row[aria-selected=true]")
    expect(hidden).to_be_visible()
    expect(selected).to_have_count(0)
    panel.get_by_role("button", name="Show all").click()
    expect(hidden).to_be_hidden()
    expect(selected).to_contain_text("cat-5")
    assert fragment(page) == "#/batches/oil/edits/cat-5"
    page.get_by_role("button", name="queued 6").click()
    expect(hidden).to_be_hidden()
    queue.cancel("oil")
    expect(hidden).to_be_visible()
