"""What the page loads, and when: the modules of a view with that view, those of the others soon after it."""

from __future__ import annotations

import pytest
import requests
from playwright.sync_api import expect

from retouch.ledger import Ledger
from tests.browser.conftest import Look
from tests.browser.scene import write_batch
from workers.gateway.gate import FILES
from workers.gateway.page.frame import files, version

LOADED = """performance.getEntriesByType("resource")
    .filter(({name, responseEnd}) => name.endsWith(".js") && responseEnd)"""
MODULE = "**/views/money.js"
OF_ANOTHER_VERSION = [
    'import { gone } from "../format.js"; export const open = gone;',
    "export const open = () => gone();",
]


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
    page.reload()
    page.get_by_role("link", name="Money", exact=True).press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This view cannot be loaded: is the gateway running")
    page.unroute(MODULE)
    page.get_by_role("button", name="Load the page again").press("Enter")
    expect(page.get_by_role("heading", name="Money", exact=True)).to_be_visible()


@pytest.mark.parametrize("body", OF_ANOTHER_VERSION)
def test_a_view_that_does_not_fit_says_so(look: Look, body: str) -> None:
    """The gateway was upgraded while the page was open, and half loaded."""
    page = look("#/batches")
    page.route(MODULE, lambda route: route.fulfill(body=body, content_type="text/javascript"))
    page.reload()
    page.get_by_role("link", name="Money", exact=True).press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Or it was upgraded since this page was opened.")
    page.unroute(MODULE)
    page.get_by_role("button", name="Load the page again").press("Enter")
    expect(page.get_by_role("heading", name="Money", exact=True)).to_be_visible()


def test_a_page_whose_first_module_does_not_come_says_so(look: Look) -> None:
    """After a while, and without any module."""
    page = look("#/batches")
    page.route("**/main.js", lambda route: route.fulfill(status=404))
    page.reload()
    again = page.get_by_role("link", name="Load it again")
    assert page.evaluate("getComputedStyle(document.querySelector('.unloaded')).animationDuration") == "5s"
    page.evaluate("document.getAnimations().forEach((one) => one.finish())")
    expect(again).to_be_visible()
    page.unroute("**/main.js")
    again.click()
    expect(page.get_by_role("heading", name="Batches", exact=True)).to_be_visible()
    expect(again).to_have_count(0)


def test_a_page_of_another_version_is_shown_by_what_there_is(look: Look, url: str) -> None:
    """A cache had it, or a gateway beside this one that was not upgraded yet."""
    page = look("#/batches")
    frame = requests.get(f"{url}/", timeout=30)
    older = frame.text.replace(version(), "0" * 16)
    policy = {"Content-Security-Policy": frame.headers["Content-Security-Policy"]}
    page.route(f"{url}/", lambda route: route.fulfill(body=older, content_type="text/html", headers=policy))
    page.reload()
    page.get_by_role("link", name="Money", exact=True).press("Enter")
    expect(page.get_by_role("heading", name="Money", exact=True)).to_be_visible()
    asked = page.evaluate("() => performance.getEntriesByType('resource').map(({name}) => name)")
    assert {one.split("/")[5] for one in asked if FILES in one} == {"0" * 16}
