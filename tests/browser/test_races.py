"""What a page reads while it changes: an answer that comes late is never shown in place of what is known since."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from retouch.ledger import Ledger
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.browser.conftest import Look
from tests.browser.held import Held
from tests.browser.scene import write_batch
from tests.browser.stream import Stream
from tests.browser.test_batch import end
from tests.browser.test_batches import edits, names
from tests.browser.use import write_use

Now = Callable[[str], Any]
STRIP: dict[str, Any] = {"states": [], "groups": [], "picks": [], "total": 2, "at": "2999-01-01T00:00:00.000Z"}
OUTPUT = {"uri": "s3://bucket/edits/oil/cat-0/0.png", "sha256": "5f" * 32, "bytes": 9, "content_type": "image/png"}
OUTPUT |= {"width": 8, "height": 8}
BROKEN = '{"code": "failure", "message": "broken"}'


@pytest.fixture
def now(url: str, token: str) -> Now:
    """What the gateway answers with at this moment."""
    return lambda path: requests.get(f"{url}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30).json()


@pytest.fixture
def queue(ledger: Ledger) -> EditQueue:
    """A batch of two edits."""
    found = EditQueue(ledger)
    ledger.worker.see_worker("w", {})
    found.enqueue(edits(2), batch="oil")
    return found


@pytest.fixture
def page(look: Look, queue: EditQueue) -> Page:
    """A page that has not opened what is looked at yet; its timers can be put forward."""
    page = look("#/keys")
    expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_visible()
    page.clock.install()
    return page


def go(page: Page, path: str) -> None:
    """Show another view."""
    page.evaluate("(path) => { location.hash = path }", f"#/{path}")


def row(page: Page, batch: str) -> Locator:
    """Of a batch in the list."""
    return page.get_by_role("link", name=batch)


def test_a_list_that_comes_late_changes_nothing_that_was_heard_since(page: Page, queue: EditQueue, now: Now) -> None:
    """Neither how a batch stands nor that one is gone, nor that the gateway has lost Redis; the rest of it is shown."""
    queue.enqueue(edits(2), batch="ink")
    stream, held = Stream(page), Held(page, "**/v1/batches?limit=*")
    go(page, "batches")
    held.wait(1)
    before = now("/v1/batches?limit=100")
    queue.pause("oil", "lunch")
    stream.tell_event("batches", {"batches": [now("/v1/batches/oil")], "gone": ["ink"]})
    queue.enqueue(edits(1), batch="late")
    held.answer(0, before | {"batches": [now("/v1/batches/late"), *before["batches"]]})
    expect(row(page, "late")).to_be_visible()
    assert names(page) == ["late", "oil"]
    expect(row(page, "oil").locator(".pill")).to_have_text("paused")
    expect(page.get_by_role("alert")).to_have_text("heard 1")


def test_of_two_lists_the_one_that_was_asked_for_later_counts(page: Page, queue: EditQueue, now: Now) -> None:
    """Whichever comes first; and what it has not any more is gone."""
    queue.enqueue(edits(2), batch="ink")
    stream, held = Stream(page), Held(page, "**/v1/batches?limit=*")
    go(page, "batches")
    held.wait(1)
    before = now("/v1/batches?limit=100")
    stream.tell_event("batches", {"batches": [], "gone": []})
    stream.tell_event("watching", {})
    held.wait(2)
    queue.cancel("oil")
    held.answer(1, now("/v1/batches?limit=100"))
    expect(row(page, "oil")).to_contain_text("2 cancelled")
    held.answer(0, before)
    expect(row(page, "oil")).to_contain_text("2 cancelled")
    stream.tell_event("watching", {})
    held.wait(3)
    held.answer(2, before | {"batches": [one for one in before["batches"] if one["batch"] == "oil"]})
    assert names(page) == ["oil"]


def test_a_batch_that_is_gone_stays_so_though_it_was_read_before(page: Page, now: Now) -> None:
    """It is shown as it was, and says so."""
    stream, held = Stream(page, "batch=oil"), Held(page, "**/v1/batches/oil")
    go(page, "batches/oil")
    held.wait(1)
    before = now("/v1/batches/oil")
    stream.say("gone")
    expect(page.get_by_role("alert")).to_contain_text("This batch is not in Redis any more")
    held.answer(0, before)
    expect(page.locator(".pill", has_text="open")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("This batch is not in Redis any more")


def test_a_batch_of_which_a_part_did_not_come_is_read_whole_again(page: Page) -> None:
    """Its edits too, which had come."""
    stream, held = Stream(page, "batch=oil"), Held(page, "**/v1/batches/oil/jobs")
    go(page, "batches/oil")
    held.wait(1)
    held.answer(0, {"detail": "Redis is away"}, status=503)
    expect(page.get_by_role("alert")).to_have_text("Redis is away")
    stream.say("reset")
    held.wait(2)
    held.answer(1)
    expect(page.get_by_role("grid", name="Edits")).to_have_attribute("aria-rowcount", "2")
    expect(page.get_by_role("button", name="queued 2")).to_be_visible()


def test_why_a_batch_waits_is_told_as_it_was_asked_last(page: Page, queue: EditQueue, now: Now) -> None:
    """Though the answer before comes after it."""
    queue.pause("oil", "lunch")
    stream, held = Stream(page, "batch=oil"), Held(page, "**/v1/batches/oil/why")
    go(page, "batches/oil")
    held.wait(1)
    before = now("/v1/batches/oil/why")
    queue.resume("oil")
    stream.tell_event("batch", now("/v1/batches/oil"))
    page.clock.fast_forward(2000)
    held.wait(2)
    held.answer(1)
    held.answer(0, before)
    expect(page.get_by_role("region", name="Why it waits")).to_be_hidden()


def test_a_budget_that_was_set_is_not_shown_over_a_later_one(
    page: Page, ledger: Ledger, queue: EditQueue, now: Now
) -> None:
    """Somebody else has set it before the answer came."""
    queue.set_price("0.01 USD")
    stream, held = Stream(page, "batch=oil"), Held(page, "**/v1/batches/oil/budget?*")
    go(page, "batches/oil")
    page.get_by_role("button", name="Budget…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("It may cost at most").fill("5")
    dialog.get_by_role("button", name="Set the budget").click()
    held.wait(1)
    queue.set_budget("oil", 5)
    before = now("/v1/batches/oil")
    queue.set_budget("oil", 7)
    stream.tell_event("batch", now("/v1/batches/oil"))
    held.answer(0, before)
    page.get_by_role("button", name="Budget…").click()
    expect(dialog.get_by_label("It may cost at most")).to_have_value("7")


@pytest.fixture
def panel(page: Page, queue: EditQueue, ledger: Ledger) -> Locator:
    """The panel of an edit: the first one failed, the second one waits."""
    end(ledger, 1, EditState.FAILED, error=BROKEN)
    return page.get_by_role("complementary", name="Edit")


def test_an_edit_is_shown_as_it_was_asked_for_last(page: Page, panel: Locator, queue: EditQueue, now: Now) -> None:
    """Though an answer before comes after it."""
    stream, held = Stream(page, "batch=oil"), Held(page, "**/v1/edits/oil/cat-0")
    before = now("/v1/edits/oil/cat-0")
    go(page, "batches/oil/edits/cat-0")
    held.wait(1)
    held.answer(0)
    expect(panel.locator(".pill")).to_contain_text("failed")
    stream.tell_event("jobs", {"jobs": []})
    held.wait(2)
    queue.retry("oil")
    stream.tell_event("strip", STRIP | {"states": [[0, "q"]]})
    held.wait(3)
    held.answer(2)
    expect(panel.locator(".pill")).to_contain_text("queued")
    held.answer(1, before)
    assert "queued" in panel.locator(".pill").inner_text()  # at once: it is looked at again soon


def test_an_edit_that_changes_is_read_again_whatever_was_shown_before(
    page: Page, panel: Locator, queue: EditQueue
) -> None:
    """Another one that was open was in the same state."""
    stream = Stream(page, "batch=oil")
    go(page, "batches/oil/edits/cat-1")
    expect(panel.locator(".pill")).to_contain_text("queued")
    stream.tell_event("strip", STRIP | {"states": [[1, "q"]]})
    page.get_by_role("row").filter(has_text="cat-0").click()
    expect(panel.locator(".pill")).to_contain_text("failed")
    queue.retry("oil")
    stream.tell_event("strip", STRIP | {"states": [[0, "q"]]})
    expect(panel.locator(".pill")).to_contain_text("queued")


def test_nothing_is_asked_any_more_about_an_edit_that_was_left(page: Page, panel: Locator) -> None:
    """While it was shown it was looked at again and again."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    go(page, "batches/oil/edits/cat-1")
    expect(panel.locator(".pill")).to_contain_text("queued")
    with page.expect_response("**/v1/edits/oil/cat-1/history"):
        page.clock.fast_forward(2000)
    go(page, "keys")
    expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_visible()
    asked.clear()
    with page.expect_response("**/v1/keys"):
        page.clock.fast_forward(10_000)
    assert [url for url in asked if "/v1/edits/" in url] == []


def test_of_two_reads_of_a_gallery_the_later_one_counts(page: Page, ledger: Ledger) -> None:
    """Whichever comes first."""
    write_batch(ledger, "night", 20, ended=1.0)
    stream, held = Stream(page, "batch=night"), Held(page, "**/night/strip?of=picks")
    go(page, "batches/night/gallery")
    held.wait(1)
    stream.say("watching")
    held.wait(2)
    held.answer(1, body=b"p" + bytes(19))
    cell = page.locator("picture-grid .cell").first
    expect(cell).to_have_attribute("data-pick", "picked")
    held.answer(0, body=bytes(20))
    expect(cell).to_have_attribute("data-pick", "picked")


def test_a_picture_that_came_while_its_edit_was_asked_for_is_shown(page: Page, ledger: Ledger, now: Now) -> None:
    """The edit is asked for again; what was asked before it completed says nothing of a picture."""
    stream, held = Stream(page, "batch=oil"), Held(page, "**/oil/edits?at=*")
    go(page, "batches/oil/gallery")
    page.get_by_role("button", name="without a picture too").click()
    page.clock.fast_forward(100)
    held.wait(1)
    before = now("/v1/batches/oil/edits?at=0,1&results=true")
    end(ledger, 1, EditState.COMPLETED, outputs=json.dumps([OUTPUT]))
    held.hold_no_more()
    stream.tell_event("strip", STRIP | {"states": [[0, "C"]]})
    page.clock.fast_forward(100)
    cells = page.locator("picture-grid .cell")
    expect(cells.nth(0)).to_have_attribute("aria-label", "cat-0, undecided")
    held.answer(0, before)
    expect(cells.nth(1)).to_have_attribute("aria-label", "cat-1, queued")
    expect(cells.nth(0).locator(".note")).to_have_text("")


def test_the_provider_is_as_it_was_heard_of_last(page: Page, ledger: Ledger, queue: EditQueue, now: Now) -> None:
    """Though an answer from before comes after it, which has the hours before as well."""
    write_use(ledger)
    stream, held = Stream(page, "provider=1"), Held(page, "**/v1/provider")
    go(page, "provider")
    held.wait(1)
    before = now("/v1/provider")
    queue.pause(reason="lunch")
    stream.tell_event("provider", now("/v1/provider?minutes=3"))
    pauses = page.get_by_role("region", name="Pauses")
    expect(pauses).to_contain_text("lunch")
    held.answer(0, before)
    expect(pauses).to_contain_text("lunch")
    assert page.get_by_role("table", name="Places").get_by_role("row").count() > 15


def test_a_table_shows_what_was_asked_for_last(page: Page, now: Now) -> None:
    """So does what stands above all views."""
    page.evaluate("AbortSignal.timeout = () => undefined")  # by the machine's time, not by the page's clock
    tables, banners = Held(page, "**/v1/workers"), Held(page, "**/v1/installation")
    before = now("/v1/workers"), now("/v1/installation")
    go(page, "workers")
    tables.wait(1)
    page.clock.fast_forward(5000)
    tables.wait(2)
    tables.answer(1, {"workers": [], "differences": {}})
    expect(page.get_by_role("region", name="Workers")).to_be_hidden()
    banners.wait(1)
    page.clock.fast_forward(5000)
    banners.wait(2)
    banners.answer(1, before[1] | {"workers": []})
    expect(page.locator("#banner")).to_contain_text("No worker is alive.")
    banners.answer(0, before[1])
    tables.answer(0, before[0])
    expect(page.locator("#banner")).to_contain_text("No worker is alive.")
    expect(page.get_by_role("region", name="Workers")).to_be_hidden()
