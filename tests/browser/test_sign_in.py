"""Signing in and out in a browser."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from retouch.access_keys import Scope
from tests.browser.conftest import Look
from tests.browser.held import Held
from workers.gateway.context import Gateway


def test_a_key_is_pasted_once_and_a_session_follows(look: Look, token: str) -> None:
    """The page forgets the key; no script can read the cookie; signing out ends it."""
    page = look(signed_in=False)
    page.get_by_label("Key of this gateway").fill("rt_nobody_" + "a" * 43)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("opens nothing")
    page.get_by_label("Key of this gateway").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Batches", exact=True)).to_be_visible()
    [cookie] = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert page.evaluate("[document.cookie, JSON.stringify({...localStorage})]") == ["", "{}"]
    page.reload()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.context.cookies() == []


def test_a_link_signs_in_once_and_leaves_nothing(look: Look, gateway: Gateway, token: str) -> None:
    """Neither in the address nor in the history; the second time it says what to do."""
    found = gateway.keys.of_token(token)
    assert found
    path = f"#link={gateway.visits.link(found)}"
    page = look(path, signed_in=False)
    expect(page.get_by_role("heading", name="Batches", exact=True)).to_be_visible()
    assert "link=" not in page.url
    page.go_back()
    assert "link=" not in page.url
    page = look(path, signed_in=False)
    expect(page.get_by_role("alert")).to_contain_text("used already")


def test_a_link_is_good_where_the_page_is_open_already(look: Look, gateway: Gateway, token: str) -> None:
    """It is pasted into the address: only what stands behind the # is another. One that is used up signs nobody out."""
    found = gateway.keys.of_token(token)
    assert found
    page = look("#/keys", signed_in=False)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    link = f"#link={gateway.visits.link(found)}"
    page.evaluate(f"location.hash = '{link}'")
    expect(page.get_by_role("heading", name="Batches", exact=True)).to_be_visible()
    page.evaluate(f"location.hash = '{link}'")
    expect(page.locator("#notices")).to_contain_text("used already")
    expect(page.get_by_role("heading", name="Batches", exact=True)).to_be_visible()


def test_what_was_said_at_the_sign_in_stays(look: Look, gateway: Gateway) -> None:
    """Another address ends neither the reason nor a key that is half typed; it is where one comes to."""
    page = look("#/batches")
    expect(page.get_by_text("No batches yet")).to_be_visible()
    gateway.keys.revoke("ada")
    expect(page.get_by_role("alert")).to_contain_text("Your session has ended")
    field = page.get_by_label("Key of this gateway")
    field.fill("rt_half")
    page.evaluate("location.hash = '#/keys'")
    expect(page.get_by_role("alert")).to_contain_text("Your session has ended")
    expect(field).to_have_value("rt_half")
    field.fill(gateway.keys.create("bob", [Scope.READ, Scope.OPERATE]))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_visible()


def test_a_session_that_ends_elsewhere_leads_to_the_sign_in(look: Look, gateway: Gateway) -> None:
    """With a sentence, and without what was seen before."""
    page = look("#/batches")
    expect(page.get_by_text("No batches yet")).to_be_visible()
    gateway.keys.revoke("ada")
    page.goto(f"{page.url}/b")
    expect(page.get_by_role("alert")).to_contain_text("Your session has ended")


def test_whoever_signs_in_stays_so(look: Look, token: str) -> None:
    """Whatever was asked before; and nothing is, but who is looking."""
    page = look(signed_in=False)
    field = page.get_by_label("Key of this gateway")
    expect(field).to_be_visible()
    held = Held(page, re.compile("/page/session|/v1/"))
    page.evaluate("dispatchEvent(new Event('signed-out'))")  # an answer of before that comes late
    field.fill(token)
    page.keyboard.press("Enter")
    held.wait(2)
    held.hold_no_more()
    held.answer(1)
    expect(page.get_by_role("heading", name="Batches", exact=True)).to_be_visible()
    held.answer(0, body="null", content_type="application/json")
    expect(page.get_by_role("heading", name="Batches", exact=True)).to_be_visible()


def test_nothing_is_asked_of_the_gateway_before_somebody_signs_in(look: Look, url: str) -> None:
    """But who is looking: else the answer to it could end the session that has begun meanwhile."""
    page = look("#/keys", signed_in=False)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(url)))
    page.reload()
    expect(page.get_by_label("Key of this gateway")).to_be_visible()
    page.evaluate("fetch('/healthz').then((answer) => answer.text())")
    assert [path for path in asked if not path.startswith("/page/files/")] == ["/", "/page/session", "/healthz"]
