"""The page as somebody sees it who is not to see prompts."""

from __future__ import annotations

from playwright.sync_api import expect

from retouch import Edit
from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import Ledger
from retouch.queue import EditQueue
from tests.browser.conftest import Look


def test_prompts_are_hidden_from_who_may_watch_alone(look: Look, ledger: Ledger) -> None:
    """The page says so; all else is there."""
    made = Edit(custom_id="cat", prompt="a secret cat", init_image="https://example.com/secret.png", strength=0.6)
    EditQueue(ledger).enqueue([made.model_copy(update={"metadata": {"secret": "x"}})], batch="oil")
    token = AccessKeys(ledger, "here").create("wall", [Scope.WATCH])
    page = look(signed_in=False)
    page.get_by_label("Key of this gateway").fill(token)
    with page.expect_request("**/page/session") as sent:
        page.keyboard.press("Enter")
    assert sent.value.header_value("origin") == page.url.rstrip("/")  # which cookie it gets is told by that
    expect(page.get_by_text("wall, prompts are hidden")).to_be_visible()
    page.evaluate("location.hash = '#/batches/oil/edits/cat'")
    expect(page.get_by_role("heading", name="Parameters")).to_be_visible()
    expect(page.locator("dt", has_text="prompt").first.locator("xpath=following-sibling::dd[1]")).to_have_text("hidden")
    expect(page.get_by_text("0.6")).to_be_visible()
    assert "secret" not in page.content()
    page.evaluate("location.hash = '#/batches/%'")
    expect(page.get_by_text("there is no batch").or_(page.get_by_role("heading", name="%")).first).to_be_visible()
