"""Edits are found by their names: in a batch by a part, among the batches by all of it, on the map by pointing."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from retouch.ledger import Ledger
from tests.browser.conftest import Look
from tests.browser.scene import write_batch
from tests.browser.test_batches import SCHEMES, accessible

COUNT = 26_000  # more than one search looks at


@pytest.fixture(autouse=True)
def large(ledger: Ledger) -> None:
    """A batch of many edits, and a small one with some of the same names."""
    write_batch(ledger, "catalogue", COUNT)
    write_batch(ledger, "small", 30)


def test_a_part_of_a_name_is_a_filter_of_the_list_and_the_map(look: Look) -> None:
    """By keys alone; no browser reads all names; the address says it; what is done to many is not offered."""
    page = look("#/batches/catalogue")
    page.get_by_role("row", name="lighthouse-000000").wait_for()
    asked: list[str] = []
    page.on(
        "request", lambda request: asked.append(request.url) if "/v1/batches/catalogue/edits" in request.url else None
    )
    page.keyboard.press("/")
    field = page.get_by_label("Edits whose name has")
    expect(field).to_be_focused()
    page.keyboard.type("00002")
    expect(page.get_by_text("11 edits found", exact=True)).to_be_visible()
    expect(page.get_by_text(f"11 of {COUNT:,} shown")).to_be_visible()
    rows = page.get_by_role("grid", name="Edits").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("lighthouse-000020")
    assert len(asked) <= 2
    assert page.url.endswith("?search=00002")
    page.get_by_role("group", name="Edits by state").get_by_role("button", name=re.compile("completed")).click()
    expect(page.get_by_role("button", name=re.compile("^(Retry|Cancel) [0-9]"))).to_have_count(0)
    page.keyboard.press("0")
    expect(page.get_by_text(f"{COUNT:,} shown", exact=True)).to_be_visible()
    expect(field).to_have_value("")
    field.fill("lighthouse-000007")
    expect(page.get_by_text(f"1 of {COUNT:,} shown")).to_be_visible()
    field.press("Enter")
    expect(page.get_by_role("heading", name="lighthouse-000007")).to_be_visible()
    assert "/edits/lighthouse-000007?search=" in page.url
    field.fill("")
    expect(page.get_by_text(f"{COUNT:,} shown", exact=True)).to_be_visible()


def test_a_search_that_was_cut_off_says_so_and_goes_on(look: Look) -> None:
    """A word that many names have; and one that no name has."""
    page = look("#/batches/catalogue?search=LIGHT")
    expect(page.get_by_text("200 edits found among the first 200")).to_be_visible()
    page.get_by_role("button", name="Look further").press("Enter")
    expect(page.get_by_text("400 edits found among the first 400")).to_be_visible()
    page.get_by_label("Edits whose name has").fill("cow")
    expect(page.get_by_text("0 edits found", exact=True)).to_be_visible()
    expect(page.get_by_text(f"0 of {COUNT:,} shown")).to_be_visible()


def test_an_edit_s_name_is_found_among_the_batches(look: Look) -> None:
    """In each that has it, or in the one that stands before it; Enter opens the first."""
    page = look("#/batches")
    field = page.get_by_label("Batches whose name or sender has")
    field.fill("lighthouse-000003")
    hits = page.get_by_role("region", name="Edits of this name")
    expect(hits.get_by_role("link")).to_have_count(2)
    expect(page.get_by_text("No batch here is like that.")).to_be_hidden()
    field.fill("small/lighthouse-000003")
    expect(hits.get_by_role("link")).to_have_text(["small/lighthouse-000003"])
    field.press("Enter")
    expect(page.get_by_role("heading", name="lighthouse-000003")).to_be_visible()


def test_the_map_says_what_an_edit_is_called(look: Look) -> None:
    """Once the pointer rests on it, with one question."""
    page = look("#/batches/small")
    page.get_by_role("row", name="lighthouse-000000").wait_for()
    expect(page.locator("#banner")).to_contain_text("No worker")  # it moves the map down
    page.locator("state-map canvas").hover(position={"x": 4, "y": 4})
    expect(page.locator("state-map output")).to_have_text(re.compile("^1 lighthouse-000000: "))


@SCHEMES
def test_everybody_can_use_the_search(look: Look, scheme: str) -> None:
    """Whoever cannot see it, or has a narrow screen."""
    page = look("#/batches/small?search=00001", scheme=scheme, width=1280 if scheme == "light" else 390)
    page.get_by_text("11 edits found").wait_for()
    accessible(page)
    page.goto(page.url.split("#")[0] + "#/batches?search=lighthouse-000003")
    page.get_by_role("region", name="Edits of this name").wait_for()
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
