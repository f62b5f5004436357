"""Moving on faster than views are loaded; signing out, or in as somebody else, meanwhile, and in another tab."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import Ledger
from tests.browser.conftest import Look
from tests.browser.held import Held
from workers.gateway.context import Gateway

MODULES = re.compile(r"/views/(batches|provider|workers|money|sinks|keys)\.js$")
VIEWS = ["provider", "workers", "money", "sinks", "keys"]
ENDED = "Your session has ended. Sign in again."


@pytest.fixture
def page(look: Look) -> Page:
    """A page whose timers can be put forward."""
    page = look("#/batches")
    heading(page, "Batches")
    page.clock.install()
    return page


@pytest.fixture
def modules(page: Page) -> Held:
    """Those of the views, which do not come yet; the page is loaded anew."""
    held = Held(page, MODULES)
    page.reload()
    held.wait(1)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()  # it is known who looks
    expect(page.get_by_role("main").get_by_text("Loading…")).to_be_visible()
    return held


def heading(page: Page, name: str) -> None:
    """The view of that name is shown, and no other."""
    expect(page.get_by_role("heading", level=1)).to_have_text([name])


def sign_in(page: Page, token: str) -> None:
    """With a key."""
    page.get_by_label("Key of this gateway").fill(token)
    page.keyboard.press("Enter")


def test_of_views_that_come_late_the_last_one_is_shown(page: Page, modules: Held) -> None:
    """Ten were chosen before the first of them came; Back and Forward lead where one was."""
    page.evaluate("(views) => views.concat(views).forEach((view) => { location.hash = `#/${view}` })", VIEWS)
    modules.wait(1 + len(VIEWS))
    page.go_back()
    expect(page).to_have_title(re.compile("^Sinks "))
    modules.release()
    heading(page, "Sinks")
    page.go_forward()
    heading(page, "Keys")
    for name in ("Sinks", "Money", "Workers"):
        page.go_back()
        heading(page, name)
    assert page.get_by_role("main").locator("> *").count() == 1


def test_a_view_that_comes_after_signing_out_is_not_shown(page: Page, modules: Held) -> None:
    """Nor is one that comes when the session has ended."""
    page.get_by_role("button", name="Sign out").click()
    heading(page, "Sign in")
    modules.release()
    heading(page, "Sign in")
    assert page.get_by_role("main").locator("> *").count() == 1


def test_a_view_that_comes_after_the_session_has_ended_is_not_shown(
    page: Page, modules: Held, gateway: Gateway
) -> None:
    """That it has ended is said meanwhile."""
    gateway.keys.revoke("ada")
    page.clock.fast_forward(4000)
    expect(page.get_by_role("alert")).to_have_text(ENDED)
    modules.release()
    expect(page.get_by_role("alert")).to_have_text(ENDED)
    heading(page, "Sign in")


def test_who_cannot_be_signed_out_is_told(page: Page) -> None:
    """Else the next person at this screen has the session."""
    page.route("**/page/session", lambda route: route.abort())
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed in still. The gateway cannot be reached")).to_be_visible()
    heading(page, "Batches")


def test_all_tabs_are_of_one_person(page: Page, ledger: Ledger, token: str) -> None:
    """They have one cookie: whoever signs out or in in one of them does it in all."""
    bob = AccessKeys(ledger, "here").create("bob", [Scope.READ])
    other = page.context.new_page()
    other.goto(page.url)
    heading(other, "Batches")
    page.get_by_role("button", name="Sign out").click()
    expect(other.get_by_role("alert")).to_have_text(ENDED)
    sign_in(other, bob)
    for tab in (other, page):
        expect(tab.locator(".who")).to_have_text("bob")
        heading(tab, "Batches")


def test_an_answer_to_the_session_before_ends_none(page: Page, token: str) -> None:
    """It comes when somebody has signed in again."""
    page.evaluate("AbortSignal.timeout = () => undefined")  # however long this takes
    held = Held(page, "**/v1/installation")
    page.clock.fast_forward(4000)
    held.wait(1)
    held.hold_no_more()
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, token)
    heading(page, "Batches")
    with page.expect_response("**/page/session"):
        held.answer(0, {"detail": "this session has ended"}, status=401)
    heading(page, "Batches")
    expect(page.locator(".who")).to_have_text("ada")
