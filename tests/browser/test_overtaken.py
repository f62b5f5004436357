"""What somebody chooses while an answer is on its way: what they chose before does not come over it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import Ledger, Settlement
from retouch.ledger.views import iso
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.browser.conftest import Look
from tests.browser.held import Held
from tests.browser.scene import write_batch
from tests.browser.stream import Stream

NAMES = [f"{source}.seed-{seed}" for source in ("house", "flower") for seed in (1, 2, 3)]
OUTPUT = {"uri": "s3://bucket/edits/oil/0.png", "sha256": "5f" * 32, "bytes": 9, "content_type": "image/png"}
OUTPUT |= {"width": 8, "height": 8}


@pytest.fixture
def token(ledger: Ledger) -> str:
    """A key that may pick, and enqueue."""
    return AccessKeys(ledger, "here").create("ada", [Scope.READ, Scope.SUBMIT, Scope.OPERATE], rate="100000/m")


@pytest.fixture
def queue(ledger: Ledger) -> EditQueue:
    """Two pictures with three seeds each, all completed."""
    found = EditQueue(ledger)
    pictures = {name: f"https://example.com/{name.partition('.')[0]}.png" for name in NAMES}
    found.enqueue([{"custom_id": n, "prompt": "a", "init_image": of} for n, of in pictures.items()], batch="oil")
    for claim in ledger.worker.claim("w", lease_ms=60_000, places=9, submits=9).claims:
        ended = Settlement(claim, (EditState.SUBMITTING,), EditState.COMPLETED, outputs=json.dumps([OUTPUT]))
        ledger.worker.settle([ended])
    return found


@pytest.fixture
def gallery(look: Look, queue: EditQueue) -> Page:
    """Their gallery, the first picture active."""
    page = look("#/batches/oil/gallery")
    expect(page.locator("picture-grid .cell").first).to_be_focused()
    expect(page.locator("picture-grid .cell").first.locator(".note")).to_have_text("")  # its picture has come
    return page


def test_the_edit_that_was_opened_last_is_shown(look: Look, ledger: Ledger) -> None:
    """Though the name of the one before it comes later."""
    write_batch(ledger, "night", 400)
    page = look("#/batches/night")
    expect(page.get_by_text("lighthouse-000000")).to_be_visible()
    names = Held(page, re.compile("/night/edits[?]"))
    page.get_by_role("grid", name="Edits").press("End")
    page.keyboard.press("Enter")
    names.wait(1)
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    panel = page.locator(".edit")
    expect(panel.get_by_role("heading", name="lighthouse-000000")).to_be_visible()
    names.release()
    expect(panel.get_by_role("heading", name="lighthouse-000000")).to_be_visible()
    assert page.url.endswith("/lighthouse-000000")


def test_an_edit_that_was_left_does_not_open_when_its_name_comes(look: Look, ledger: Ledger) -> None:
    """Escape was pressed meanwhile."""
    write_batch(ledger, "night", 400)
    page = look("#/batches/night/edits/lighthouse-000000")
    expect(page.locator(".edit").get_by_role("heading", name="lighthouse-000000")).to_be_visible()
    names = Held(page, re.compile("/night/edits[?]"))
    page.get_by_role("grid", name="Edits").press("End")
    names.wait(1)
    page.keyboard.press("Escape")
    names.release()
    expect(page.locator(".edit")).to_be_hidden()
    assert page.url.endswith("#/batches/night")


def test_a_picture_that_was_left_does_not_open_when_it_is_found(gallery: Page) -> None:
    """Back was pressed while it was looked for by its name."""
    asked = Held(gallery, re.compile("/oil/edits[?]at"))
    gallery.evaluate("location.hash = '#/batches/oil'")
    expect(gallery.get_by_role("grid", name="Edits")).to_be_visible()
    gallery.evaluate("location.hash = '#/batches/oil/gallery'")
    expect(gallery.locator("picture-grid .cell").first).to_be_focused()
    gallery.evaluate("location.hash = '#/batches/oil/gallery/flower.seed-1'")
    asked.wait(1)
    gallery.go_back()
    asked.release()
    expect(gallery.locator("picture-grid .cell").first.locator(".note")).to_have_text("")
    expect(gallery.get_by_role("dialog")).to_have_count(0)
    assert gallery.url.endswith("#/batches/oil/gallery")


def test_a_picture_that_an_address_names_opens_once_there_are_any(look: Look, queue: EditQueue) -> None:
    """Though what was asked first about them comes last, before they are shown."""
    page = look("#/keys")
    expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_visible()
    stream, strips, names = Stream(page, "batch=oil"), Held(page, "**/oil/strip*"), Held(page, "**/oil/edits?count=*")
    page.evaluate("location.hash = '#/batches/oil/gallery/flower.seed-1'")
    strips.wait(2)
    stream.say("watching")
    strips.wait(4)
    for number in (2, 3):
        strips.answer(number)
    names.wait(1)
    for number in (0, 1):
        strips.answer(number)
    names.release()
    expect(page.get_by_role("dialog", name="flower.seed-1")).to_be_visible()


def test_no_button_speaks_of_another_picture(gallery: Page) -> None:
    """Not while the others of this one are counted, and not when those of the one before come at last."""
    best = gallery.locator(".gallery-keys button", has_text="reject the")
    expect(best).to_have_accessible_name("Pick seed 1, reject the 2 others r")
    asked = Held(gallery, "**/flower.seed-*/alike")
    gallery.keyboard.press("End")
    expect(best).to_have_accessible_name("Pick it, reject the others r")
    expect(best).to_be_disabled()
    asked.wait(1)
    gallery.keyboard.press("Home")
    expect(best).to_have_accessible_name("Pick seed 1, reject the 2 others r")
    asked.release()
    expect(best).to_have_accessible_name("Pick seed 1, reject the 2 others r")


def test_whoever_has_gone_on_is_not_led_elsewhere(gallery: Page, queue: EditQueue) -> None:
    """By the best of a picture that was chosen before, whose others come later."""
    queue.choose("oil", pick=NAMES[:1])
    expect(gallery.get_by_role("button", name="picked 1")).to_be_visible()
    asked = Held(gallery, "**/flower.seed-*/alike")
    cells = gallery.locator("picture-grid .cell")
    cells.nth(3).focus()
    expect(cells.nth(3)).to_be_focused()
    gallery.keyboard.press("r")
    asked.wait(1)
    gallery.keyboard.press("Home")
    asked.release()
    expect(gallery.get_by_text("1 picked, 2 rejected.")).to_be_visible()
    expect(gallery.locator("picture-grid .cell").first).to_be_focused()


def test_nothing_is_begun_that_is_not_chosen_any_more(gallery: Page, queue: EditQueue) -> None:
    """It was counted, and its answer comes after another choice: which is no number at all."""
    queue.choose("oil", reject=NAMES)
    counted = Held(gallery, "**/oil/redo")
    gallery.get_by_role("button", name="Again…").click()
    dialog = gallery.get_by_role("dialog")
    counted.wait(1)
    dialog.get_by_label("How many new seeds each").fill("0")
    expect(dialog.get_by_text("Write how many: 1 to 100.")).to_be_visible()
    counted.release()
    expect(dialog.get_by_text("Write how many: 1 to 100.")).to_be_visible()
    expect(dialog.get_by_role("button", name="Begin")).to_be_disabled()


def test_enter_begins_what_was_counted_and_nothing_before(gallery: Page, queue: EditQueue) -> None:
    """It is paid for, so its number is told first."""
    queue.choose("oil", reject=NAMES[:1])
    counted = Held(gallery, "**/oil/redo")
    gallery.get_by_role("button", name="Again…").press("Enter")
    dialog = gallery.get_by_role("dialog")
    field = dialog.get_by_label("How many new seeds each")
    counted.wait(1)
    field.press("Enter")
    counted.release()
    expect(dialog.get_by_role("button", name="Begin 1 edit")).to_be_enabled()
    assert [view.batch for view in queue.batches()] == ["oil"]
    field.press("Enter")
    expect(dialog).to_contain_text("1 edit enqueued: oil-redo-1")
    assert [view.batch for view in queue.batches()] == ["oil-redo-1", "oil"]


def test_what_was_wrong_in_a_choice_left_behind_holds_up_nothing(gallery: Page, queue: EditQueue) -> None:
    """A field that is hidden is no reason to begin nothing."""
    queue.choose("oil", reject=NAMES[:1])
    gallery.get_by_role("button", name="Again…").press("Enter")
    dialog = gallery.get_by_role("dialog")
    dialog.get_by_label("How many new seeds each").fill("101")
    dialog.get_by_label("other strengths").check()
    dialog.get_by_role("button", name="Begin 2 edits").click()
    expect(dialog).to_contain_text("2 edits enqueued: oil-redo-1")


def test_what_is_heard_of_a_pause_is_not_older_than_what_was_read(look: Look, ledger: Ledger) -> None:
    """A pause that somebody has ended comes late by the stream: what they have done stays, and is told."""
    ledger.worker.see_worker("w", {})
    ledger.worker.pause("submit:person", "a look at the results")
    page = look("#/keys")
    expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_visible()
    stream = Stream(page, "provider=1")
    page.evaluate("location.hash = '#/provider'")
    pauses = page.get_by_role("region", name="Pauses")
    before = {**use_of_api(page), "at": iso(ledger.connection.now())}
    expect(pauses).to_contain_text("a look at the results")
    answers = Held(page, "**/v1/provider")
    pauses.get_by_role("button", name="Resume submits").press("Enter")
    answers.wait(1)
    stream.tell_event("provider", before)
    answers.hold_no_more()
    answers.answer(0)
    expect(page.locator("#notices p").last).to_have_text("Submits go on.")
    expect(pauses).to_be_hidden()
    with page.expect_response("**/v1/provider"):  # it is read anew
        stream.say("provider", before)  # later than the answer
    expect(pauses).to_be_hidden()
    after = {**use_of_api(page), "pauses": before["pauses"], "at": iso(ledger.connection.now() + 60_000)}
    stream.tell_event("provider", after)
    expect(pauses).to_contain_text("a look at the results")


def heard(look: Look, ledger: Ledger) -> tuple[Page, Stream, Locator, str]:
    """The batch, whose stream is in the test's hand; its rows; a time before it was read."""
    page = look("#/keys")
    expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_visible()
    before = str(iso(ledger.connection.now() - 1))
    stream = Stream(page, "batch=oil")
    page.evaluate("location.hash = '#/batches/oil'")
    rows = page.get_by_role("grid", name="Edits").get_by_role("row")
    expect(rows).to_have_count(len(NAMES))
    return page, stream, rows, before


def test_what_is_older_than_what_was_read_is_read_anew(look: Look, ledger: Ledger, queue: EditQueue) -> None:
    """It may be newer in part, so that nobody knows what is right before the gateway is asked again."""
    page, stream, rows, before = heard(look, ledger)
    strips = Held(page, "**/oil/strip")
    stream.tell_event("strip", {"states": [[0, "f"]], "groups": [], "picks": [], "total": len(NAMES), "at": before})
    strips.wait(1)
    expect(rows.first).to_contain_text("completed")
    queue.enqueue([{"custom_id": "more", "prompt": "a", "init_image": "https://example.com/a.png"}], batch="oil")
    strips.release()
    expect(rows).to_have_count(len(NAMES) + 1)
    expect(rows.first).to_contain_text("completed")


def test_what_came_late_is_read_though_a_read_fails(look: Look, ledger: Ledger, queue: EditQueue) -> None:
    """With the next thing that is heard."""
    page, stream, rows, before = heard(look, ledger)
    strips = Held(page, "**/oil/strip")
    queue.enqueue([{"custom_id": "more", "prompt": "a", "init_image": "https://example.com/a.png"}], batch="oil")
    change = {"states": [], "groups": [], "picks": [], "total": len(NAMES), "at": before}
    stream.say("strip", change)
    strips.wait(1)
    strips.answer(0, {"detail": "Redis does not answer"}, status=503)
    expect(page.get_by_role("alert")).to_contain_text("Redis does not answer")
    strips.hold_no_more()
    stream.say("strip", change)
    expect(rows).to_have_count(len(NAMES) + 1)


def test_a_batch_that_is_there_again_is_not_told_to_be_gone(look: Look, ledger: Ledger, queue: EditQueue) -> None:
    """It was removed, and another one of its name has come."""
    page, stream, _, _ = heard(look, ledger)
    stream.say("gone")
    expect(page.get_by_role("alert")).to_contain_text("This batch is not in Redis any more")
    record = page.evaluate("fetch('/v1/batches/oil').then((answer) => answer.json())")
    stream.say("batch", {**record, "at": iso(ledger.connection.now() + 60_000)})
    expect(page.get_by_role("alert")).to_have_count(0)


def use_of_api(page: Page) -> dict[str, Any]:
    """How the API is used, as the page is told."""
    found: dict[str, Any] = page.evaluate("fetch('/v1/provider').then((answer) => answer.json())")
    return found
