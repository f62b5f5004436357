"""The history of an edit in a browser: on a time line, in the words of ``retouch explain --history``."""

from __future__ import annotations

from playwright.sync_api import expect

from retouch.ledger import Ledger
from tests.browser.conftest import Look
from tests.browser.story import BATCH, FIRST, write_story


def test_the_history_of_an_edit_is_told_in_its_own_words(look: Look, ledger: Ledger) -> None:
    """Each step once; what was repeated says so once."""
    write_story(ledger.connection._client)
    page = look(f"#/batches/{BATCH}/edits/{FIRST}")
    steps = page.get_by_role("complementary", name="Edit").locator(".past li span")
    expect(steps).to_have_text(
        [
            "enqueued",
            "sent to the API by retouch1",
            "the API asked to wait: too many requests; again in 20 s",
            "sent to the API by retouch1",
            "the API took it after 1.1 s",
            "polled 3 times: not finished yet",
        ]
    )
