"""The pictures of the page in README.md and docs/page.md, light and dark: ``python -m scripts.page_pictures``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import fakeredis
from playwright.sync_api import Browser, sync_playwright
from structlog.testing import capture_logs

from config.gateway import GatewaySettings
from retouch import EditQueue
from retouch.ledger import Ledger
from tests.browser.scene import write_batch
from tests.browser.story import write_story
from tests.harness.browser import NEEDED, launch, program
from tests.unit.workers.gateway.conftest import serving
from workers.gateway.context import Gateway
from workers.gateway.visits import OwnVisits
from workers.stack.child import ROOT

DOCS = ROOT / "docs"
SCHEMES = {"light": "", "dark": "-dark"}  # what the name of a file ends with
WIDTH = 1280


class Picture(NamedTuple):
    """Of a view. ``text``: what it has when it is whole; ``height``: of the window; ``part``: this alone."""

    name: str
    path: str
    text: str
    height: int
    part: str = ""


PICTURES = (
    Picture("page-batch", "#/batches/autumn-catalogue", "lighthouse-000000", 900),
    Picture("page-edit", "#/batches/portraits/edits/harbour-morning", "History", 1400, ".edit"),
    Picture("page-batches", "#/batches", "posters", 580),
)


def main() -> int:
    """Make them; returns 2 where there is no browser."""
    program_path = program()
    if program_path is None:
        print(f"page_pictures: {NEEDED}", file=sys.stderr)
        return 2
    client = fakeredis.FakeRedis(decode_responses=True)
    ledger = Ledger(client)
    _write(client, ledger)
    gateway = Gateway(GatewaySettings(bucket="bucket"), ledger, own_visits=OwnVisits(lambda _link: None))
    with capture_logs(), serving(gateway) as url, sync_playwright() as playwright:
        browser = launch(playwright, program_path)
        for scheme in SCHEMES:
            _shoot(browser, gateway, url, scheme)
        browser.close()
    return 0


def _write(client: fakeredis.FakeRedis, ledger: Ledger) -> None:
    write_batch(ledger, "posters", 20_000, ended=1, age_s=2 * 86400)
    client.hset(ledger.connection.keys.batch("posters"), "state", "completed")
    write_batch(ledger, "autumn-catalogue", 100_000)
    write_batch(ledger, "winter-sale", 1200, ended=0.4, age_s=900)
    write_batch(ledger, "oil", 240, age_s=60)
    EditQueue(ledger).pause("oil", "wait for the new logo")
    write_story(client)


def _shoot(browser: Browser, gateway: Gateway, url: str, scheme: str) -> None:
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    page = context.new_page()
    assert isinstance(gateway.visits, OwnVisits)
    page.goto(f"{url}/#link={gateway.visits.link()}")
    page.get_by_role("button", name="Sign out").wait_for()
    for picture in PICTURES:
        gateway.ledger.worker.see_worker("retouch1", {})  # again and again, or it is dead
        page.set_viewport_size({"width": WIDTH, "height": picture.height})
        page.goto(f"{url}/{picture.path}")
        page.get_by_text(picture.text).first.wait_for()
        (page.locator(picture.part) if picture.part else page).screenshot(path=_file(picture, scheme))
        print(_file(picture, scheme))
    context.close()


def _file(picture: Picture, scheme: str) -> Path:
    return DOCS / f"{picture.name}{SCHEMES[scheme]}.png"


if __name__ == "__main__":
    sys.exit(main())
