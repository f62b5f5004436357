"""A browser at a gateway: signed in as people are, and what it asks of whom is noted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright
from playwright.sync_api import Error as BrowserError

from retouch.errors import ServiceError
from scripts.benchmark.gateway.house import House
from tests.harness.browser import NEEDED, launch, program

SCREEN = {"width": 1280, "height": 900}
MOST_MS = 60_000  # for anything that is waited for


@dataclass
class Eyes:
    """A browser. ``strangers``: hosts that were asked and are not the gateway."""

    browser: Browser
    strangers: set[str] = field(default_factory=set)

    @contextmanager
    def signed_in(self, house: House) -> Iterator[BrowserContext]:
        """A browser without memory of anything but its session."""
        context = self.browser.new_context(viewport={"width": SCREEN["width"], "height": SCREEN["height"]})
        context.set_default_timeout(MOST_MS)
        context.on("request", lambda request: self._note(request, house))
        try:
            answer = requests.post(f"{house.url}/page/links", headers=house.headers, timeout=10)
            answer.raise_for_status()
            entry = {"by": "link", "secret": answer.json()["link"]}
            own = {"Sec-Fetch-Site": "same-origin"}  # without a page, which would have loaded the files already
            entered = context.request.post(f"{house.url}/page/session", data=entry, headers=own)
            if not entered.ok:
                raise ServiceError(f"signing in to the page was answered with {entered.status}")
            yield context
        finally:
            context.close()

    def _note(self, request: Request, house: House) -> None:
        host = urlsplit(request.url).netloc
        if host and host != urlsplit(house.url).netloc:
            self.strangers.add(host)


@contextmanager
def eyes() -> Iterator[Eyes]:
    """Start a browser; raises ServiceError if there is none, or if the page does not do what is waited for."""
    path = program()
    if path is None:
        raise ServiceError(f"the page {NEEDED}")
    try:
        with sync_playwright() as playwright:
            browser = launch(playwright, path)
            try:
                yield Eyes(browser)
            finally:
                browser.close()
    except BrowserError as error:
        raise ServiceError(f"the browser says: {error.message.splitlines()[0]}") from error


@contextmanager
def closing(page: Page) -> Iterator[Page]:
    """Close a page at the end."""
    try:
        yield page
    finally:
        page.close()
