"""What a page hears while it is looked at, in a test's hand."""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import Page, Route, expect


class Stream:
    """In place of the gateway's: it tells a page what a test says, and only that."""

    def __init__(self, page: Page, query: str = "") -> None:
        self._page = page
        self._events = ""
        self._told = 0
        page.route(re.compile(rf"/page/live\??{query}(&|$|after)"), self._answer)

    def tell(self, picks: list[tuple[int, str]], at: str) -> None:
        """A change of picks that was read then; returns when the page has heard it."""
        self.tell_event("strip", {"states": [], "groups": [], "picks": picks, "total": 20, "at": at})

    def tell_event(self, kind: str, data: dict[str, Any]) -> None:
        """The same of any event."""
        self._told += 1
        heard = f"heard {self._told}"
        self.say(kind, data)
        self.say("away", {"detail": heard})
        expect(self._page.get_by_role("alert")).to_have_text(heard)

    def say(self, kind: str, data: Any = None) -> None:
        """Any event, with nothing by which a test sees that it was heard."""
        self._events += f"event: {kind}\ndata: {json.dumps(data)}\n\n"

    def _answer(self, route: Route) -> None:
        events, self._events = self._events, ""
        route.fulfill(body=f"retry: 20\n\n{events}", content_type="text/event-stream")
