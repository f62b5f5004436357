"""Signing in and out in a browser."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Look
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


def test_a_session_that_ends_elsewhere_leads_to_the_sign_in(look: Look, gateway: Gateway) -> None:
    """With a sentence, and without what was seen before."""
    page = look("#/batches")
    expect(page.get_by_text("No batches yet")).to_be_visible()
    gateway.keys.revoke("ada")
    page.goto(f"{page.url}/b")
    expect(page.get_by_role("alert")).to_contain_text("Your session has ended")
