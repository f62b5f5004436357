"""A batch in a browser: its map, its list, its failures in groups, its edits; live, and by keys alone."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from retouch.ledger import Finish, Ledger, Settlement, Step
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.browser.conftest import Look
from tests.browser.scene import GROUPS, write_batch
from tests.browser.test_batches import accessible, edits
from tests.harness.waiting import until
from workers.stack.child import ROOT

MANY = 100_000
FAILED = sum(GROUPS.values())
STRIPS = """performance.getEntriesByType("resource")
    .filter(({name, responseEnd}) => name.includes("/night/strip") && responseEnd)"""  # that were read


@pytest.fixture
def many(ledger: Ledger) -> None:
    """A batch of 100,000 edits, of which 70,000 have ended."""
    write_batch(ledger, "night", MANY)


def rows(page: Page) -> Any:
    """The rows of the list that are there."""
    return page.locator("virtual-list .row")


def test_a_hundred_thousand_edits_are_seen_at_once(look: Look, many: None) -> None:
    """Of the list only what is seen is there; the map has a cell for each."""
    page = look("#/batches/night")
    grid = page.get_by_role("grid", name="Edits")
    expect(grid).to_have_attribute("aria-rowcount", str(MANY))
    expect(page.get_by_role("img", name="Map of 100,000 edits")).to_be_visible()
    expect(page.get_by_text("lighthouse-000000", exact=True)).to_be_visible()
    assert rows(page).count() < 80
    grid.focus()
    page.keyboard.press("End")
    expect(page.get_by_text("lighthouse-099999", exact=True)).to_be_visible()
    pixels = page.evaluate(
        """() => { const c = document.querySelector("state-map canvas");
        const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data; let n = 0;
        for (let i = 3; i < d.length; i += 4) n += d[i] === 255; return n }"""
    )
    assert pixels >= MANY


def test_filters_ask_nobody_and_groups_are_exact(look: Look, many: None) -> None:
    """By state and by the reason of a failure, at once."""
    page = look("#/batches/night")
    failures = page.get_by_role("region", name="Failures")
    expect(failures).to_contain_text(f"{FAILED:,} edits failed, in 3 groups")
    assert [text.replace(",", "") for text in failures.locator(".count").all_inner_texts()] == ["1200", "610", "190"]
    expect(failures.get_by_role("button", name="Retry these")).to_have_count(3)
    expect(rows(page).first).to_contain_text("lighthouse")
    page.wait_for_function(f"() => {STRIPS}.length >= 4")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="failed 2,000").click()
    expect(page.get_by_text("2,000 of 100,000 shown")).to_be_visible()
    failures.get_by_role("button", name="Show these").nth(1).click()
    expect(page.get_by_text("610 of 100,000 shown")).to_be_visible()
    expect(rows(page).first).to_contain_text("no result within … s")
    page.locator("h1").click()
    page.keyboard.press("0")
    expect(page.get_by_text("100,000 shown", exact=True)).to_be_visible()
    page.keyboard.press("5")  # of the filters that are seen: nothing is held
    expect(page.get_by_role("button", name="completed", pressed=True)).to_be_visible()
    kept = ("/edits?", "/why", "/failures", "/installation", "/page/files/")  # the last: modules of the other views
    assert [url for url in asked if not any(one in url for one in kept)] == []


def test_a_batch_is_read_once_to_be_shown(look: Look, many: None) -> None:
    """Beside it the names that are seen first; once it is heard what changes, nothing has changed."""
    page = look("#/batches/night")
    page.wait_for_function(f"() => {STRIPS}.length >= 4")
    assert page.evaluate(f"() => {STRIPS}.map(({{responseStatus}}) => responseStatus)") == [200, 200, 304, 304]
    expect(rows(page).first).to_contain_text("lighthouse-000000")
    names = "performance.getEntriesByType('resource').filter(({name}) => name.includes('/edits?'))"
    assert page.evaluate(f"() => {names}.map(({{name}}) => name.split('?')[1])") == ["from=0&count=40"]


def small(ledger: Ledger) -> EditQueue:
    """A batch of three edits, of which nothing was sent."""
    ledger.worker.see_worker("w", {})
    queue = EditQueue(ledger)
    queue.enqueue(edits(3), batch="oil")
    return queue


def end(ledger: Ledger, count: int, state: EditState, **more: Any) -> None:
    """Be the worker: end so many edits."""
    for claim in ledger.worker.claim("w", lease_ms=60_000, places=count).claims:
        if claim.step is Step.FINISH:
            ledger.worker.settle_batch(claim, Finish.WRITTEN)
        else:
            ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), state, **more)])


def test_a_batch_goes_on_before_ones_eyes(look: Look, ledger: Ledger) -> None:
    """Its list, its counts and its failures; what is hidden hears nothing, and then all that it has missed."""
    queue = small(ledger)
    page = look("#/batches/oil")
    states = page.locator("virtual-list .row .state")
    expect(states).to_have_text(["queued"] * 3)
    expect(page.locator(".live")).to_have_attribute("data-live", "on")
    end(ledger, 1, EditState.FAILED, error='{"code": "refused", "message": "width 99 is too large"}')
    expect(states.filter(has_text="failed")).to_have_count(1)
    expect(page.get_by_role("region", name="Failures")).to_contain_text("width … is too large")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".live")).to_have_attribute("data-live", "off")
    queue.cancel("oil")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: false})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(states.filter(has_text="cancelled")).to_have_count(2)
    expect(page.locator(".facts")).to_contain_text("of 3, 100 %")


def test_an_edit_says_what_it_is_and_why_it_waits(look: Look, ledger: Ledger) -> None:
    """Opened by keys, by the map or by its address; Escape closes it."""
    small(ledger)
    page = look("#/batches/oil")
    expect(page.get_by_text("cat-1", exact=True)).to_be_visible()
    rows(page).first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    panel = page.get_by_role("complementary", name="Edit")
    expect(panel.get_by_role("heading", name="cat-1")).to_be_visible()
    expect(panel).to_contain_text("1 edit is before it in the fair order")
    expect(panel).to_contain_text("a cat")
    assert page.url.endswith("#/batches/oil/edits/cat-1")
    page.keyboard.press("ArrowDown")
    expect(panel.get_by_role("heading", name="cat-2")).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    page.locator("state-map canvas").click(position={"x": 4, "y": 4})
    expect(panel.get_by_role("heading", name="cat-0")).to_be_visible()
    page.reload()
    expect(panel.get_by_role("heading", name="cat-0")).to_be_visible()


def test_an_edit_tells_what_was_done_about_it(look: Look, ledger: Ledger) -> None:
    """Step by step, with the time between; and what it cost, where that is known."""
    small(ledger)
    end(ledger, 1, EditState.FAILED, error='{"code": "refused", "message": "width 99 is too large"}')
    page = look("#/batches/oil/edits/cat-0")
    steps = page.get_by_role("complementary", name="Edit").locator(".past li")
    expect(steps.last).to_have_attribute("data-what", "failed")
    assert "enqueued" in steps.first.inner_text()
    assert re.search(r"\+ \d", steps.last.inner_text())


def test_what_a_batch_costs_is_told_where_a_price_is_known(look: Look, ledger: Ledger, url: str) -> None:
    """What was spent counts what may have been paid; then what is to come, and the budget."""
    write_batch(ledger, "night", 24)
    page = look()
    expect(page.locator(".batch-row")).not_to_contain_text("USD")
    money = {"spent": 12.0, "committed": 0.25, "doubtful": 0.15, "to_come": 0.0035, "budget": 20.0, "currency": "USD"}
    record = {**EditQueue(ledger).status("night").to_json(), "money": money}
    page.route(f"{url}/v1/batches/night", lambda route: route.fulfill(json=record))
    page.locator(".batch-row").click()
    expect(page.locator(".facts")).to_contain_text("12.4000 USD of 20.0000 USD, about 0.0035 USD to come")


def test_a_picture_is_opened_by_a_link_that_is_made_for_it(look: Look, ledger: Ledger, url: str) -> None:
    """Beside its SHA-256 and a small copy; the new tab knows nothing of the page."""
    write_batch(ledger, "night", 24)
    page = look("#/batches")
    page.route("**/thumbnail?*", lambda route: route.fulfill(path=f"{ROOT}/workers/gateway/page/files/icon.svg"))
    page.evaluate("location.hash = '#/batches/night/edits/lighthouse-000001'")
    panel = page.get_by_role("complementary", name="Edit")
    expect(panel).to_contain_text(hashlib.sha256(b"lighthouse-000001").hexdigest())
    expect(panel.get_by_text("s3://")).to_have_count(1)
    expect(panel.locator(".output img")).to_be_visible()
    asked: list[Any] = []

    def answer(route: Route) -> None:
        asked.append(route.request.post_data_json)
        route.fulfill(json={"links": dict.fromkeys(asked[0]["uris"], f"{url}/healthz")})

    page.route("**/links", answer)
    with page.expect_popup() as opened:
        panel.get_by_role("button", name="Open the picture").click()
    opened.value.wait_for_url("**/healthz")
    assert opened.value.evaluate("window.opener") is None
    assert asked == [{"uris": ["s3://bucket/edits/night/lighthouse-000001/0.png"], "expires_s": 300}]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_a_batch(look: Look, ledger: Ledger, scheme: str) -> None:
    """With an edit open, failures and filters; also on a narrow screen."""
    write_batch(ledger, "night", 400)
    page = look("#/batches/night/edits/lighthouse-000001", scheme=scheme, width=1280 if scheme == "dark" else 390)
    page.get_by_role("heading", name="Parameters").wait_for()
    page.get_by_role("region", name="Failures").wait_for()
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_edit_that_is_opened_by_a_link_is_in_view(look: Look, many: None) -> None:
    """On a narrow screen too, where it stands below the map and the failures."""
    page = look("#/batches/night/edits/lighthouse-000003", width=400)
    expect(page.get_by_role("region", name="Failures")).to_be_visible()
    expect(page.get_by_role("heading", name="lighthouse-000003")).to_be_in_viewport()


def test_a_batch_that_is_not_there_is_said_in_words(look: Look) -> None:
    """As one that another key knows of."""
    page = look("#/batches/none")
    expect(page.get_by_role("alert")).to_contain_text("there is no batch 'none'")
    expect(page.get_by_role("grid")).to_be_hidden()
    page.get_by_role("link", name="All batches").click()
    expect(page.get_by_text("No batches yet")).to_be_visible()


def test_what_comes_while_the_strip_is_on_its_way_is_not_lost(look: Look, ledger: Ledger) -> None:
    """An answer that is older than a change does not undo it."""
    queue = small(ledger)
    held: list[Route] = []
    page = look()
    page.route("**/v1/batches/oil/strip", lambda route: held.append(route))  # also when it is asked for once more
    told: list[str] = []
    network = page.context.new_cdp_session(page)
    streams: set[str] = set()  # of the batch: the list of batches had one too

    def sent(request: dict[str, Any]) -> None:
        if "live?batch=oil" in request["request"]["url"]:
            streams.add(request["requestId"])

    def heard(message: dict[str, Any]) -> None:
        if message["requestId"] in streams:
            told.append(message["eventName"])

    network.on("Network.requestWillBeSent", sent)
    network.on("Network.eventSourceMessageReceived", heard)
    network.send("Network.enable")
    page.locator(".batch-row").click()
    until(lambda: page.evaluate("1") and held and "watching" in told, "the strip is asked for, and the stream begins")
    queue.cancel("oil")
    expect(page.locator("virtual-list")).to_have_attribute("aria-rowcount", "3")
    held[0].fulfill(body=b"qqq", content_type="application/octet-stream", headers={"ETag": '"old"'})
    expect(page.locator("virtual-list .row .state")).to_have_text(["cancelled"] * 3)
