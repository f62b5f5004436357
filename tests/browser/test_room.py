"""Little room: at 200 % of a window, and on a telephone, nothing is cut off, or reaches out of the screen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from retouch.ledger import Ledger
from retouch.queue import EditQueue
from tests.browser.conftest import Look
from tests.browser.scene import write_batch
from tests.browser.use import show_workers, write_budgets, write_keys, write_sinks, write_use

VIEWS = {
    "batches": "4,000 of 4,000",
    "batches/posters": "lighthouse-000000",
    "batches/posters/gallery": "Again…",
    "provider": "Time to an answer",
    "workers": "render-2",
    "money": "One image costs",
    "sinks": "old-hook",
    "keys": "prometheus",
}
# Buttons whose words have no room, and parts that reach out of the screen and cannot be scrolled to.
CUT = """() => {
  const seen = (one) => one.checkVisibility() && one.getClientRects().length;
  const clips = (one) => /auto|scroll|hidden/.test(getComputedStyle(one).overflowX);
  const scrolls = (one) => one && (clips(one) || scrolls(one.parentElement));
  return [...document.querySelectorAll("button, a, input, select, h1, h2, p, td, dd")].filter(seen).filter((one) => {
    const { left, right } = one.getBoundingClientRect();
    const out = (right > innerWidth + 1 || left < -1) && !scrolls(one.parentElement) && !one.matches(".skip");
    return out || (one.matches("button") && one.scrollWidth > one.clientWidth + 1);
  }).map((one) => one.outerHTML.slice(0, 120));
}"""
INSIDE = """one => one.getBoundingClientRect().bottom <= Math.min(
  innerHeight, one.closest("dialog").getBoundingClientRect().bottom)"""


@pytest.fixture(autouse=True)
def used(ledger: Ledger) -> EditQueue:
    """An installation that has worked for hours."""
    write_batch(ledger, "posters", 4000, ended=1)
    write_use(ledger)
    write_sinks(ledger)
    write_keys(ledger)
    write_budgets(ledger, "posters")
    show_workers(ledger)
    queue = EditQueue(ledger)
    queue.pause("posters", "wait for the new logo")
    return queue


def whole(page: Page, where: str) -> None:
    """Nothing of it is cut off, and the page is no wider than the screen."""
    assert page.evaluate(CUT) == [], where
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), where


@pytest.mark.parametrize("room", [{"zoom": 2}, {"width": 390, "touch": True}], ids=["zoomed", "telephone"])
def test_nothing_is_cut_off_where_there_is_little_room(look: Look, room: dict[str, int]) -> None:
    """In any view, its dialogs included: what decides is in view, however much there is to read."""
    page = look("#/batches", **room)
    for path, text in VIEWS.items():
        page.evaluate(f"location.hash = '#/{path}'")
        page.get_by_text(text).first.wait_for()
        whole(page, path)
    page.evaluate("location.hash = '#/workers'")
    page.get_by_role("button", name="Settings of render-1-4100").click()
    expect(page.get_by_text("RETOUCH_POLL_MAX").first).to_be_visible()
    whole(page, "settings")
    page.evaluate("location.hash = '#/batches/posters'")
    page.get_by_role("button", name="Retry all…").click()
    decide = page.get_by_role("dialog").get_by_role("button").last
    expect(decide).to_contain_text("Try ")
    whole(page, "decision")
    assert decide.evaluate(INSIDE)
