"""Requests of a page that are answered when a test says so, in its order."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, Route

from tests.harness.waiting import until


class Held:
    """Those that match a pattern, in the order in which they were sent."""

    def __init__(self, page: Page, pattern: str | re.Pattern[str]) -> None:
        self._page = page
        self._holds = True
        self._routes: list[Route] = []
        page.route(pattern, self._hold)

    def _hold(self, route: Route) -> None:
        if self._holds:
            self._routes.append(route)
        else:
            route.continue_()

    def wait(self, count: int) -> None:
        """Until so many were sent."""
        until(lambda: self._page.evaluate("1") and len(self._routes) >= count, f"{count} requests were sent")

    def hold_no_more(self) -> None:
        """What is sent from now on is answered at once."""
        self._holds = False

    def release(self) -> None:
        """All that are waited for are answered by what there is, the last one first; what is sent later at once."""
        self.hold_no_more()
        for number in reversed(range(len(self._routes))):
            if self._routes[number].request.failure is None:
                self.answer(number)

    def answer(self, number: int, json: Any = None, **answer: Any) -> None:
        """One of them, by what was there before, or (without more) by what there is now; then the page has it."""
        route = self._routes[number]
        with self._page.expect_event("requestfinished", lambda request: request == route.request):
            if json is None and not answer:
                route.continue_()
            else:
                route.fulfill(**({"json": json} if json is not None else {}), **answer)
        self._page.evaluate("fetch('/healthz').then((answer) => answer.text())")  # what it makes of it is done
