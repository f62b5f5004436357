"""Signing in and out in a browser."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Look


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
