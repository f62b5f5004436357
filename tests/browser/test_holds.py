"""What keeps edits from being submitted, a pause or that no worker is alive, is said wherever the page speaks of it."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from retouch.causes import Fared
from retouch.ledger import Ledger, Seen
from retouch.price import Price
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.browser.conftest import Look
from tests.browser.test_batch import end
from tests.browser.test_batches import accessible, edits
from tests.browser.use import write_use
from tests.unit.workers.gateway.test_why import refuse_status

WIDE = '{"code": "refused", "message": "width 99 is too large"}'
VIEWS = ("batches", "batches/oil", "batches/oil/gallery", "provider", "workers", "budgets", "sinks", "keys")


@pytest.fixture
def queue(ledger: Ledger) -> EditQueue:
    """Two edits, of which one failed."""
    ledger.producer.set_price(Price(Decimal("0.5"), "USD"))
    queue = EditQueue(ledger)
    queue.enqueue(edits(2), batch="oil")
    end(ledger, 1, EditState.FAILED, error=WIDE)
    return queue


def test_a_pause_that_was_forgotten_is_told_before_a_retry_and_after(
    look: Look, queue: EditQueue, ledger: Ledger
) -> None:
    """The batch is completed, and looks so; what is tried again waits all the same."""
    ledger.worker.see_worker("w", {})
    queue.pause("oil", reason="somebody with the key ada paused it")
    queue.cancel("oil")
    end(ledger, 1, EditState.COMPLETED)
    assert queue.status("oil").finished
    page = look("#/batches")
    row = page.get_by_role("link", name="oil")
    expect(row).to_contain_text("still paused: by a person")
    row.click()
    expect(page.locator(".pill.paused")).to_have_text("paused")
    why = page.get_by_role("region", name="Why it waits")
    expect(why).to_contain_text("What is tried again, or added, is not submitted. Resume… lets it go on")
    expect(why).not_to_contain_text("Queued edits")
    page.get_by_role("button", name="Retry all").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 edit is queued again, and costs 0.50 USD when submitted.")
    expect(dialog).to_contain_text(
        "Nothing is submitted now. Batch oil is paused (by a person): Resume… lets it go on."
    )
    page.get_by_role("button", name="Try 1 edit again").click()
    jobs = page.get_by_role("region", name="Jobs")
    expect(jobs).to_contain_text("1 of 1 edit queued again")
    expect(jobs).to_contain_text("What is queued is not submitted now. Batch oil is paused (by a person)")
    page.evaluate("location.hash = '#/batches/oil/edits/cat-0'")
    panel = page.get_by_role("complementary", name="Edit")
    expect(panel.locator(".why")).to_contain_text("It is not submitted now. Batch oil is paused (by a person): Resume…")
    expect(panel.locator(".past li").last).to_contain_text("it waits now: batch oil is paused (by a person)")
    expect(panel.locator(".past")).to_contain_text("retried by key ada: back in the queue")
    page.get_by_role("button", name="Resume…").click()
    page.get_by_role("button", name="Resume it").click()
    expect(jobs.get_by_text("What is queued is not submitted now")).to_be_hidden()


def test_a_pause_of_all_is_told_as_well(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """In the list, before a retry, and before a batch is resumed that would wait on."""
    ledger.worker.see_worker("w", {})
    queue.pause(reason="lunch")
    queue.pause("oil", reason="tea")
    page = look("#/batches/oil")
    expect(page.get_by_role("region", name="Pauses of all batches")).to_be_visible()
    page.get_by_role("button", name="Retry all").click()
    expect(page.get_by_role("dialog")).to_contain_text("submits of all batches are paused (by a person)")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Resume…").click()
    expect(page.get_by_role("dialog")).to_contain_text("Not at once: submits of all batches are paused (by a person)")
    page.get_by_role("button", name="Resume it").click()
    expect(page.get_by_role("button", name="Pause…")).to_be_visible()
    page.evaluate("location.hash = '#/batches'")
    row = page.get_by_role("link", name="oil")
    expect(row.locator(".pill")).to_have_text("open, stalled")
    expect(row).to_contain_text("all are paused")
    queue.resume()
    expect(row.locator(".pill")).to_have_text("open")


def test_a_batch_whose_edits_are_at_the_api_says_why_it_stands(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """That no worker is alive, or that polls are paused: in the list and in the batch, in the same words."""
    end(ledger, 1, EditState.WAITING)
    assert queue.status("oil").counts[EditState.WAITING] == 1
    page = look("#/batches")
    row, head = page.get_by_role("link", name="oil"), page.get_by_role("region", name="Progress")
    expect(row.locator(".pill")).to_have_text("open, stalled")
    expect(row).to_contain_text("no worker")
    row.click()
    expect(page.locator("main .pill").first).to_have_text("open, stalled")
    expect(head).to_contain_text("no worker")
    ledger.worker.see_worker("w", {})
    expect(page.locator("main .pill").first).to_have_text("open")
    queue.pause(reason="lunch")  # of submits, which it needs no more of
    ledger.worker.pause("status:outage", "502 bad gateway")
    expect(page.locator("main .pill").first).to_have_text("open, stalled")
    expect(head).to_contain_text("status requests are paused")
    expect(page.get_by_role("region", name="Pauses of all batches")).to_contain_text("502 bad gateway")
    page.get_by_role("link", name="Batches").click()
    expect(row).to_contain_text("status requests are paused")
    expect(row).not_to_contain_text("all are paused")


def test_an_api_that_does_not_say_how_edits_stand_is_told(look: Look, ledger: Ledger) -> None:
    """No pause comes of it: they are asked about again and again."""
    ledger.worker.see_worker("w", {})
    EditQueue(ledger).enqueue(edits(1), batch="oil")
    refuse_status(ledger, "401: no such key")
    page = look("#/batches")
    row = page.get_by_role("link", name="oil")
    expect(row.locator(".pill")).to_have_text("open, stalled")
    expect(row).to_contain_text("the API refuses to say")
    row.click()
    expect(page.get_by_role("region", name="Progress")).to_contain_text("the API refuses to say")
    expect(page.get_by_role("region", name="Why it waits")).to_contain_text("401: no such key")
    ledger.worker.observe(good={"status": ledger.connection.now() + 1})
    expect(page.locator("main .pill").first).to_have_text("open")


def test_that_no_worker_is_alive_is_said_on_every_view(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """Above it, and wherever it would look as if something moved; until one is."""
    page = look("#/batches")
    banner = page.locator("#banner")
    for view in VIEWS:
        page.evaluate(f"location.hash = '#/{view}'")
        expect(banner).to_contain_text("No worker is alive.")
        expect(banner.get_by_role("button", name="Copy: celery -A workers worker")).to_be_visible()
    expect(page.locator(".live")).to_have_text("")  # a table hears nothing
    page.evaluate("location.hash = '#/batches'")
    expect(page.locator(".live")).to_have_text("no worker")
    row = page.get_by_role("link", name="oil")
    expect(row.locator(".pill")).to_have_text("open, stalled")
    expect(row).to_contain_text("no worker")
    ledger.worker.see_worker("w", {})
    expect(banner).to_have_text("")
    expect(page.locator(".live")).to_have_text("live")
    expect(row.locator(".pill")).to_have_text("open")


def test_an_api_that_nobody_asks_is_not_well(look: Look, ledger: Ledger) -> None:
    """What it was is told as that: with no worker, and with workers that have nothing to ask."""
    write_use(ledger)
    ledger.connection._client.delete(ledger.connection.keys.workers)
    page = look("#/provider")
    verdict, use = page.locator(".verdict"), page.get_by_role("region", name="Use")
    expect(verdict).to_contain_text("Nobody asks the API, since no worker is alive; when it was last asked, ")
    expect(use).to_contain_text("nobody asks about them")
    expect(use).not_to_contain_text("/s")
    ledger.worker.see_worker("w", {})
    expect(verdict).to_contain_text("The API is well")
    expect(use).to_contain_text("/s")
    keys, client = ledger.connection.keys, ledger.connection._client
    client.ltrim(keys.samples, 0, -9)
    client.hset(keys.state, "refused_at", ledger.connection.now() - 3_600_000)  # the last that was asked was taken
    page.reload()
    expect(verdict).to_contain_text("The API was well")
    expect(verdict).to_contain_text(re.compile(r"when it was last asked, (8|9|10) min ago"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(look: Look, queue: EditQueue, scheme: str) -> None:
    """Also on a narrow screen."""
    page = look("#/batches/oil", scheme=scheme, width=1280 if scheme == "dark" else 390)
    expect(page.locator("#banner")).to_contain_text("No worker is alive.")
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_gateway_that_stands_still_is_not_live(look: Look, ledger: Ledger) -> None:
    """Its stream stays open then; it does not answer, though, and once it does again all is as before."""
    ledger.worker.see_worker("w", {})
    page = look("#/batches")
    live = page.locator(".live")
    expect(live).to_have_text("live")
    page.evaluate("const timeout = AbortSignal.timeout; AbortSignal.timeout = () => timeout.call(AbortSignal, 50)")
    page.route("**/v1/installation", lambda _route: None)
    expect(live).to_have_text("no connection")
    page.evaluate("AbortSignal.timeout = () => undefined")
    page.unroute("**/v1/installation")
    expect(live).to_have_text("live")


def test_a_pause_that_nobody_is_there_to_end_promises_nothing(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """No request tries whether the API takes one again, and nothing goes on by itself: no worker is alive."""
    ledger.worker.see_worker("w", {})
    for _ in range(5):
        ledger.worker.observe(seen=[Seen("submit", ledger.connection.now(), Fared.SILENT, "503")])
    page = look("#/provider")
    pauses = page.get_by_role("region", name="Pauses")
    expect(pauses).to_contain_text("One request tries it")
    ledger.connection._client.delete(ledger.connection.keys.workers)
    expect(pauses).not_to_contain_text("One request tries it")
    ledger.worker.resume("submit:outage")
    ledger.worker.pause("submit:refused", "402: no credit")
    pauses.get_by_role("button", name="Resume submits").click()
    expect(page.locator("#notices")).to_have_text("Submits are not paused any more, and go on when a worker is alive.")
