"""What the page loads, and when: the modules of a view with that view, those of the others soon after it."""

from __future__ import annotations

from playwright.sync_api import expect

from retouch.ledger import Ledger
from tests.browser.conftest import Look
from tests.browser.scene import write_batch
from workers.gateway.page.frame import files

LOADED = """performance.getEntriesByType("resource")
    .filter(({name, responseEnd}) => name.endsWith(".js") && responseEnd)"""
MODULE = "**/views/money.js"


def test_all_views_are_there_once_one_is(look: Look, ledger: Ledger) -> None:
    """So that each can be shown at once, and says itself that the gateway is away."""
    modules = len([name for name in files() if name.endswith(".js")])
    write_batch(ledger, "cats", 3)
    page = look("#/batches/cats")
    page.wait_for_function(f"() => {LOADED}.length >= {modules}")
    page.route("**/*", lambda route: route.abort())
    page.get_by_role("link", name="Money", exact=True).press("Enter")
    expect(page.get_by_role("heading", name="Money", exact=True)).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("The gateway cannot be reached")


def test_a_view_that_does_not_come_says_so(look: Look) -> None:
    """And is asked for again with the page."""
    page = look("#/batches")
    page.route(MODULE, lambda route: route.abort())
    page.get_by_role("link", name="Money", exact=True).press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This view cannot be loaded: is the gateway running")
    page.unroute(MODULE)
    page.get_by_role("button", name="Load the page again").press("Enter")
    expect(page.get_by_role("heading", name="Money", exact=True)).to_be_visible()
