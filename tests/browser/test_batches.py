"""All batches in a browser: shown, filtered, moved through by keys, and live."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from retouch import Edit
from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import Ledger
from retouch.queue import EditQueue
from tests.browser.conftest import SOON, Look

SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])


def edits(count: int) -> list[Edit]:
    """So many."""
    return [Edit(custom_id=f"cat-{n}", prompt="a cat", init_image="https://example.com/a.png") for n in range(count)]


@pytest.fixture
def queue(ledger: Ledger) -> EditQueue:
    """Three batches: one is paused, one has ended but for its files."""
    found = EditQueue(ledger)
    ledger.worker.see_worker("w", {})
    found.enqueue(edits(3), batch="oil")
    found.enqueue(edits(2), batch="paused-one")
    found.pause("paused-one", "lunch")
    found.enqueue(edits(4), batch="cancelled-one")
    found.cancel("cancelled-one")
    return found


def names(page: Page) -> list[str]:
    """The batches that are shown."""
    return page.locator(".batch-row .name").all_inner_texts()


def accessible(page: Page) -> None:
    """Nothing is found that keeps anybody from using it."""
    page.get_by_role("heading", level=1).first.wait_for()  # until then it is a frame, and nothing to read
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_what_batches_cost_has_one_number_of_digits(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """As many as the least of those that are shown needs, so that they can be compared at a glance."""
    for batch, spent in (("oil", 4_220_000), ("paused-one", 3_500)):
        ledger.connection._client.hset(ledger.connection.keys.batch(batch), mapping={"spent": spent, "currency": "USD"})
    page = look("#/batches")
    row = page.locator(".batch-row", has_text="oil")
    expect(row).to_contain_text("0 of 3, 0 %, 4.2200 USD")
    expect(page.locator(".batch-row", has_text="paused-one")).to_contain_text("0.0035 USD")
    page.get_by_label("Batches whose name or sender has").fill("oil")
    expect(row).to_contain_text(re.compile(r"4\.22 USD"))


def test_batches_are_shown_newest_first_and_filtered(look: Look, queue: EditQueue) -> None:
    """By state and by name; what is not there says how to see all."""
    page = look("#/batches")
    expect(page.locator(".batch-row")).to_have_count(3)
    assert names(page) == ["cancelled-one", "paused-one", "oil"]
    assert "4 of 4, 100 %" in page.locator(".batch-row").first.inner_text()
    page.get_by_role("button", name="paused").click()
    assert names(page) == ["paused-one"]
    page.keyboard.press("/")
    page.keyboard.type("OIL")
    expect(page.get_by_text("No batch here is like that.")).to_be_visible()
    expect(page.get_by_text("or the whole name of an edit, as it is written")).to_be_visible()
    page.keyboard.press("Escape")
    assert len(names(page)) == 3
    page.keyboard.type("oi")
    assert names(page) == ["oil"]


def test_older_batches_are_found_that_are_not_loaded(look: Look, ledger: Ledger) -> None:
    """By sender, by name and by state; nothing between the pages is left out in silence."""
    ann, key = EditQueue(ledger, sender="ann@build7"), EditQueue(ledger, sender="nightly")
    ann.enqueue(edits(1), batch="old-poster")
    ann.pause("old-poster")
    for n in range(120):
        key.enqueue(edits(1), batch=f"night-{n:03}")
    page = look("#/batches")
    rows = page.locator(".batch-row")
    expect(rows).to_have_count(100)
    page.keyboard.press("/")
    page.keyboard.type("BUILD7")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("old-poster")
    expect(rows).to_contain_text("by ann@build7")
    page.keyboard.press("Escape")
    expect(rows).to_have_count(100)  # the old one is known now, but not what is between
    page.get_by_role("button", name="paused").click()
    expect(rows).to_have_count(1)
    page.locator(".batch-row").click()
    page.get_by_role("link", name="ann@build7").click()
    expect(rows).to_have_count(1)
    expect(page.get_by_label("Batches sent by")).to_have_value("ann@build7")
    page.get_by_label("Batches sent by").select_option("nightly")
    expect(rows).to_have_count(100)
    page.get_by_role("button", name="Show older batches").click()
    expect(rows).to_have_count(120)
    expect(page.get_by_role("button", name="Show older batches")).to_be_hidden()


def test_what_changes_is_seen_while_one_looks(look: Look, queue: EditQueue) -> None:
    """New batches, new states, and those that are gone."""
    page = look("#/batches")
    expect(page.locator(".live")).to_have_attribute("data-live", "on")
    queue.enqueue(edits(1), batch="newest")
    expect(page.locator(".batch-row .name").first).to_have_text("newest")
    queue.resume("paused-one")
    expect(page.locator(".batch-row", has_text="paused-one").locator(".pill")).to_have_text("open")


def test_a_batch_is_opened_by_keys_and_says_why_it_waits(look: Look, queue: EditQueue) -> None:
    """And goes on before one's eyes."""
    page = look("#/batches")
    expect(page.locator(".batch-row")).to_have_count(3)
    for key in ("j", "ArrowDown", "k", "ArrowDown", "End", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="paused-one")).to_be_visible()
    note = page.get_by_role("region", name="Why it waits")
    expect(note).to_contain_text("Resume… lets it go on")
    expect(note).not_to_contain_text("retouch resume")  # there is a button
    queue.resume("paused-one")
    expect(page.locator("main .pill").first).to_have_text("open")


def test_a_pause_of_all_submits_is_seen_in_the_list_and_in_a_batch(
    look: Look, queue: EditQueue, ledger: Ledger
) -> None:
    """With the way to the button that ends it; a paused batch says why, and one that was cancelled how much of it."""
    queue.cancel("oil")
    page = look("#/batches")
    expect(page.locator(".batch-row", has_text="paused-one")).to_contain_text("by a person")
    expect(page.locator(".batch-row", has_text="oil")).to_contain_text(re.compile(r"\d+ cancelled"))
    ledger.worker.pause("submit:person", "lunch")
    note = page.get_by_role("region", name="Pauses of all batches")
    expect(note).to_contain_text(
        re.compile(rf"Submits of all batches are paused \(by a person\), begun {SOON}: lunch\.")
    )
    page.locator(".batch-row", has_text="paused-one").click()
    expect(page.get_by_role("region", name="Why it waits")).not_to_contain_text("submits (person)")
    note.get_by_role("link", name="Provider").click()
    page.get_by_role("button", name="Resume submits").click()
    page.get_by_role("link", name="Batches").click()
    expect(page.locator(".batch-row")).to_have_count(3)
    expect(note).to_be_hidden()


def test_all_submits_are_paused_and_resumed_from_the_list(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """By the dialog of the view Provider; a pause that ends by itself has no button."""
    page = look("#/batches")
    stop, note = page.get_by_role("button", name="Pause all submits…"), page.get_by_role("region", name="Pauses of all")
    search = page.get_by_label("Batches whose name or sender has")
    expect(stop).to_be_visible()
    place = search.bounding_box()
    stop.press("Enter")
    page.get_by_role("dialog", name="Pause all submits?").get_by_role("button", name="Pause them").press("Enter")
    expect(note).to_contain_text("somebody with the key ada paused it")
    expect(stop).to_be_hidden()
    assert search.bounding_box() == place  # nothing moves for a button that goes
    expect(stop).to_be_hidden()
    assert [pause.name for pause in ledger.reader.pauses()] == ["submit:person"]
    accessible(page)
    note.get_by_role("button", name="Resume submits").press("Enter")
    expect(page.get_by_text("Submits go on.", exact=True)).to_be_visible()
    expect(note).to_be_hidden()
    expect(stop).to_be_visible()
    ledger.worker.pause("submit:outage", "502 bad gateway")
    expect(note).to_contain_text("502 bad gateway")
    assert note.get_by_role("button").count() == 0


def test_a_key_of_some_batches_may_not_stop_all(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """Nor one that may only look: there is no button, nor one to resume."""
    ledger.worker.pause("submit:person", "lunch")
    for name, scopes, prefix in (("team", [Scope.READ, Scope.OPERATE], "paused"), ("eve", [Scope.READ], "")):
        token = AccessKeys(ledger, "here").create(name, scopes, prefix=prefix, rate="100000/m")
        page = look("", signed_in=False)
        page.get_by_label("Key of this gateway").fill(token)
        page.keyboard.press("Enter")
        expect(page.get_by_role("region", name="Pauses of all")).to_contain_text("lunch")
        expect(page.get_by_role("button", name="Resume submits")).to_have_count(0)
        expect(page.get_by_role("button", name="Pause all submits…")).to_be_hidden()


def test_a_search_leads_to_its_first_hit_by_keys(look: Look, queue: EditQueue) -> None:
    """Down goes to it, Enter opens it; in the batch the arrows move in its list at once."""
    page = look("#/batches")
    expect(page.locator(".batch-row")).to_have_count(3)
    page.keyboard.press("/")
    page.keyboard.type("paused")
    expect(page.locator(".batch-row")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.locator(".batch-row")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="paused-one")).to_be_visible()
    expect(page.locator("virtual-list .row").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.locator("virtual-list .row").first).to_be_focused()


def test_the_keys_are_listed_and_the_theme_is_kept(look: Look, queue: EditQueue) -> None:
    """By keys alone; the first stop of the tab key leads past the header."""
    page = look("#/batches")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    assert dialog.evaluate("(one) => one.scrollTop") == 0
    expect(dialog.locator("dd").last).to_have_text("show all edits")
    assert dialog.locator("kbd").all_inner_texts()[:4] == ["?", "/", "↑", "↓"]
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.reload()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.get_by_role("button", name="Theme: auto").click()
    page.get_by_role("button", name="Theme: light").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


@SCHEMES
def test_everybody_can_use_it(look: Look, queue: EditQueue, scheme: str) -> None:
    """Whoever cannot see it, or has no mouse; also on a narrow screen."""
    for path, word in (("#/batches", "oil"), ("#/batches/paused-one", "lunch")):
        page = look(path, scheme=scheme, width=1280 if scheme == "light" else 390)
        page.locator("main", has_text=word).wait_for()
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    accessible(look(signed_in=False, scheme=scheme))


def test_nothing_yet_says_what_to_do(look: Look) -> None:
    """With the command."""
    page = look("#/batches")
    expect(page.get_by_text("No batches yet")).to_be_visible()
    expect(page.get_by_text("retouch enqueue photos/")).to_be_visible()


def test_text_of_others_is_text(look: Look, queue: EditQueue) -> None:
    """Whatever it looks like."""
    queue.pause("oil", "<img src=x onerror=alert(1)><script>alert(2)</script>")
    page = look("#/batches/oil")
    expect(page.get_by_role("region", name="Why it waits")).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator("main img, main script").count() == 0
