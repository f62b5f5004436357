"""The pictures of the page in README.md and docs/page.md, light and dark: ``python -m scripts.page_pictures``."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import NamedTuple

import fakeredis
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from structlog.testing import capture_logs

from config.gateway import GatewaySettings
from retouch import EditQueue
from retouch.ledger import Ledger
from scripts.screenshots import SAMPLES, SHOWN, pictures_in_s3
from tests.browser.gallery_scene import Put, write_pictures
from tests.browser.scene import write_batch
from tests.browser.story import write_story
from tests.harness.browser import NEEDED, launch, program
from tests.harness.staying import workers_stay
from tests.unit.workers.gateway.conftest import serving
from workers.gateway.context import Gateway
from workers.gateway.visits import OwnVisits
from workers.stack.child import ROOT

DOCS = ROOT / "docs"
SCHEMES = {"light": "", "dark": "-dark"}  # what the name of a file ends with
WIDTH = 1280


class Picture(NamedTuple):
    """Of a view. ``text``: what it has when it is whole; ``height``: of the window; ``part``: this alone.

    ``pictures``: how many it shows, at least.
    """

    name: str
    path: str
    text: str
    height: int
    part: str = ""
    pictures: int = 0


PICTURES = (
    Picture("page-batch", "#/batches/autumn-catalogue", "lighthouse-000000", 900),
    Picture("page-edit", "#/batches/portraits/edits/harbour-morning", "History", 1400, ".edit"),
    Picture("page-gallery", "#/batches/seasons/gallery", "✓ picked", 860, pictures=6),
)


def main() -> int:
    """Make them; returns 2 where there is no browser."""
    program_path = program()
    if program_path is None:
        print(f"page_pictures: {NEEDED}", file=sys.stderr)
        return 2
    client = fakeredis.FakeRedis(decode_responses=True)
    ledger = Ledger(client)
    with capture_logs(), pictures_in_s3() as (put, bucket), sync_playwright() as playwright:
        _write(client, ledger, put)
        settings = GatewaySettings(bucket=bucket, prefix="edits/")
        gateway = Gateway(settings, ledger, own_visits=OwnVisits(lambda _link: None))
        with serving(gateway) as url, workers_stay():
            browser = launch(playwright, program_path)
            for scheme in SCHEMES:
                _shoot(browser, gateway, url, scheme)
            browser.close()
    return 0


def _write(client: fakeredis.FakeRedis, ledger: Ledger, put: Put) -> None:
    names = write_pictures(ledger, put, "seasons", sources=SAMPLES, seeds=(1, 2, 3, 4), strengths=(0.4, 0.8))
    EditQueue(ledger).choose("seasons", pick=names[1::8], reject=names[2::4])
    write_batch(ledger, "posters", 20_000, ended=1, age_s=2 * 86400)
    client.hset(ledger.connection.keys.batch("posters"), "state", "completed")
    write_batch(ledger, "autumn-catalogue", 100_000)
    write_batch(ledger, "winter-sale", 1200, ended=0.4, age_s=900)
    write_batch(ledger, "oil", 240, age_s=60)
    EditQueue(ledger).pause("oil", "wait for the new logo")
    write_story(client)


def _shoot(browser: Browser, gateway: Gateway, url: str, scheme: str) -> None:
    gateway.ledger.worker.see_worker("retouch1", {})
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    page = context.new_page()
    assert isinstance(gateway.visits, OwnVisits)
    page.goto(f"{url}/#link={gateway.visits.link()}")
    page.get_by_role("button", name="Sign out").wait_for()
    for picture in PICTURES:
        page.set_viewport_size({"width": WIDTH, "height": picture.height})
        page.goto(f"{url}/{picture.path}")
        page.get_by_text(picture.text).first.wait_for()
        page.wait_for_function(SHOWN, arg=picture.pictures)
        _save((page.locator(picture.part) if picture.part else page).screenshot(), _file(picture, scheme))
        print(_file(picture, scheme))
    context.close()


def _save(png: bytes, path: Path) -> None:
    """With 256 colours: a third of the bytes of what a README loads."""
    with Image.open(io.BytesIO(png)) as shot:
        shot.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)


def _file(picture: Picture, scheme: str) -> Path:
    return DOCS / f"{picture.name}{SCHEMES[scheme]}.png"


if __name__ == "__main__":
    sys.exit(main())
