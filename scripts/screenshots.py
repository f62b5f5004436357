"""Pictures of every view of the page, light and dark, wide and narrow (``scripts/screenshots``)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

import fakeredis
from playwright.sync_api import Browser, ViewportSize, sync_playwright
from structlog.testing import capture_logs

from config.gateway import GatewaySettings
from retouch import EditQueue
from retouch.ledger import Ledger
from tests.browser.gallery_scene import Put, putting, write_pictures
from tests.browser.scene import write_batch
from tests.browser.use import show_workers, write_budgets, write_keys, write_sinks, write_use
from tests.harness.browser import NEEDED, launch, program
from tests.harness.staying import workers_stay
from tests.unit.workers.gateway.conftest import serving
from workers.gateway.context import Gateway
from workers.gateway.visits import OwnVisits
from workers.stack.child import ROOT
from workers.stack.s3 import S3

NIGHT = "autumn-catalogue"
SAMPLES = ("lighthouse", "house", "flower")
SCHEMES = ("light", "dark")
WIDTHS = {
    "wide": (1280, 900, 1),
    "narrow": (390, 900, 1),
    "zoomed": (640, 450, 2),
}  # CSS pixels, and those of each; as at 200 %


class View(NamedTuple):
    """A view: what it is called, where it is, and a text that it has when it is whole.

    ``press``: a key first; ``click``: a button. ``pictures``: how many it shows then, at least.
    """

    name: str
    path: str
    text: str
    press: str = ""
    click: str = ""
    pictures: int = 0


SHOWN = """n => { const there = [...document.querySelectorAll("main img[src], dialog img[src]")];
return there.length >= n && there.every(one => one.naturalWidth) }"""
VIEWS = (
    View("batches", "#/batches", "posters"),
    View("batch", f"#/batches/{NIGHT}", "lighthouse-000000"),
    View("search", f"#/batches/{NIGHT}?search=00002", "11 edits found"),
    View("failed", f"#/batches/{NIGHT}", "2,000 of 100,000 shown", press="6"),
    View("edit", "#/batches/oil/edits/lighthouse-000003", "Parameters"),
    View("decision", "#/batches/oil", "is said at the end", click="Retry all…"),
    View("keys", "#/batches", "clear the search", press="?"),
    View("provider", "#/provider", "Time to an answer"),
    View("workers", "#/workers", "render-2"),
    View("settings", "#/workers", "RETOUCH_POLL_MAX", click="Settings of render-1-4100"),
    View("money", "#/money", "One image costs"),
    View("sinks", "#/sinks", "old-hook"),
    View("access-keys", "#/keys", "prometheus"),
    View("gallery", "#/batches/painted/gallery", "✓ picked", pictures=6),
    View("compared", "#/batches/painted/gallery/lighthouse.strength-0.4.seed-2", "Side by side", pictures=8),
    View("seeds", "#/batches/seeds/gallery", "✓ picked", pictures=6),
)


def main() -> int:
    """Make them; returns 2 where there is no browser."""
    out, path = _arguments().out, program()
    if path is None:
        print(f"screenshots: {NEEDED}", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    with capture_logs(), pictures_in_s3() as store, _served(*store) as (stage, url), sync_playwright() as playwright:
        browser = launch(playwright, path)
        for scheme in SCHEMES:
            for width in WIDTHS:
                _shoot(browser, stage, url, scheme, width, out)
        browser.close()
    print(f"{len(list(out.glob('*.png')))} pictures are in {out}")
    return 0


@contextmanager
def pictures_in_s3() -> Iterator[tuple[Put, str]]:
    """An S3 server for the pictures of the gallery, and its bucket."""
    with TemporaryDirectory() as folder:
        s3 = S3(Path(folder))
        s3.start()
        os.environ.update(s3.environment)
        yield putting(s3), s3.bucket
        s3.stop()


@contextmanager
def _served(put: Put, bucket: str) -> Iterator[tuple[Gateway, str]]:
    ledger = Ledger(fakeredis.FakeRedis(decode_responses=True))
    write_batch(ledger, "posters", 4000, ended=1, age_s=2 * 86400)
    write_batch(ledger, NIGHT, 100_000)
    write_batch(ledger, "oil", 24, age_s=60)
    write_use(ledger)
    write_sinks(ledger)
    write_keys(ledger)
    write_budgets(ledger, NIGHT, "posters")
    queue = EditQueue(ledger)
    queue.pause("oil", "wait for the new logo")
    painted = write_pictures(ledger, put, "painted", sources=SAMPLES, seeds=(1, 2, 3, 4), strengths=(0.4, 0.8), left=3)
    queue.choose("painted", pick=painted[1::8], reject=painted[2::4])
    seeds = write_pictures(ledger, put, "seeds", seeds=range(1, 21))
    queue.choose("seeds", pick=seeds[7:8], reject=seeds[:7])
    gateway = Gateway(GatewaySettings(bucket=bucket, prefix="edits/"), ledger, own_visits=OwnVisits(lambda _link: None))
    with serving(gateway) as url, workers_stay():
        yield gateway, url


def _shoot(browser: Browser, stage: Gateway, url: str, scheme: str, width: str, out: Path) -> None:
    across, down, scale = WIDTHS[width]
    size = ViewportSize(width=across, height=down)
    colors: Literal["dark", "light"] = "dark" if scheme == "dark" else "light"
    context = browser.new_context(color_scheme=colors, viewport=size, device_scale_factor=scale)
    page = context.new_page()
    page.goto(url)
    page.get_by_label("Key of this gateway").wait_for()
    page.screenshot(path=out / f"sign-in-{scheme}-{width}.png")
    assert isinstance(stage.visits, OwnVisits)
    link = stage.visits.link()
    page.goto(f"{url}/#link={link}")
    page.reload()
    page.get_by_role("button", name="Sign out").wait_for()
    for view in VIEWS:
        show_workers(stage.ledger)  # again and again, or it is dead
        page.goto(f"{url}/{view.path}")
        if view.press:
            page.get_by_text("shown").first.wait_for()
            page.keyboard.press(view.press)
        if view.click:
            page.get_by_role("button", name=view.click).click()
        page.get_by_text(view.text).first.wait_for()
        page.wait_for_function(SHOWN, arg=view.pictures)
        page.screenshot(path=out / f"{view.name}-{scheme}-{width}.png")
        page.keyboard.press("Escape")
    context.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description="Pictures of every view of the page.")
    parser.add_argument("--out", type=Path, default=ROOT / "out/page", metavar="DIR", help="where to save them")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
