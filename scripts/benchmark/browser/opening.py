"""A large batch is opened, and filtered: how long until its map and its list are on the screen."""

from __future__ import annotations

from dataclasses import dataclass, field

import psutil
from playwright.sync_api import BrowserContext, Page

from retouch.ledger import Ledger
from scripts.benchmark.browser.looking import Eyes, closing
from scripts.benchmark.gateway.house import House, opened
from scripts.benchmark.gateway.ways import GATEWAY
from scripts.benchmark.stage import Stage
from tests.browser.scene import write_batch

BATCH = "night"
_LOOK_S, _LOOKS, _IDLE_PERCENT = 0.1, 50, 15  # on a machine that is busy with other things it begins all the same
# Painted: the frame after the one in which all rows have names and the map has its cells.
_WATCH = """
window.painted = (since) => new Promise((done) => {
  const look = () => {
    const map = document.querySelector("state-map canvas");
    const names = [...document.querySelectorAll("virtual-list .row .mono")];
    const whole = map?.getAttribute("aria-label") && names.length && names.every((name) => name.textContent !== "…");
    if (!whole) requestAnimationFrame(look);
    else requestAnimationFrame(() => setTimeout(() => done(performance.now() - since)));
  };
  look();
});
"""
# From the click to the end of the next frame, with the names of the rows, which are asked for, and without.
_FILTER = """async (button) => {
  const rows = document.querySelector("virtual-list").getAttribute("aria-rowcount");
  const since = performance.now();
  button.click();
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const answered = performance.now() - since;
  if (document.querySelector("virtual-list").getAttribute("aria-rowcount") === rows) throw new Error("no filter");
  const named = await painted(since);
  button.click();
  return [answered, named];
}"""
_FILTERS = "virtual-list, .map .chip:not([hidden]), .groups .chip"


@dataclass(frozen=True, slots=True)
class Opened:
    """Milliseconds. ``anew``: by its address, in a browser that has nothing; ``from_list``: by a click on its name.

    ``filters``: of each filter, until the map, the counts and the list show it; ``named``: until the list has the names
    of edits, which it asks the gateway for.
    """

    anew_ms: float
    from_list_ms: float
    filters_ms: dict[str, float] = field(default_factory=dict)
    named_ms: dict[str, float] = field(default_factory=dict)


def measure(stage: Stage, eyes: Eyes, rounds: int, edits: int) -> list[Opened]:
    """Open it so often; raises DiedError, or ServiceError where the page does not show it."""
    with opened(stage, GATEWAY) as house:
        write_batch(Ledger.from_url(stage.valkey.url), BATCH, edits)
        found = []
        for _ in range(rounds + 1):
            with eyes.signed_in(house) as context:
                found.append(_open(context, house))
        return found[1:]  # what the first one waits for is what the gateway reads once


def _quiet() -> None:
    """Wait until the machine is idle: what a browser does at the end of the page before it would be measured too."""
    for _ in range(_LOOKS):
        if psutil.cpu_percent(_LOOK_S) < _IDLE_PERCENT:
            return


def _open(context: BrowserContext, house: House) -> Opened:
    context.add_init_script(_WATCH)
    with closing(context.new_page()) as page:
        _quiet()
        page.goto(f"{house.url}/#/batches/{BATCH}", wait_until="commit")
        anew_ms = float(page.evaluate("painted(0)"))
        filters = _filter(page)
    with closing(context.new_page()) as page:
        page.goto(f"{house.url}/#/batches")
        link = page.get_by_role("link", name=BATCH).first
        link.wait_for()
        _quiet()
        from_list_ms = float(
            link.evaluate("(link) => { const at = performance.now(); link.click(); return painted(at); }")
        )
    return Opened(
        anew_ms,
        from_list_ms,
        {name: answered for name, (answered, _) in filters.items()},
        {name: named for name, (_, named) in filters.items()},
    )


def _filter(page: Page) -> dict[str, tuple[float, float]]:
    """Each filter by itself: by state, and by the reason of failures."""
    page.locator(".groups .chip").first.wait_for()
    found = {}
    for chip in page.locator(".map .chip:visible").all():
        name = chip.inner_text().split("\n")[0]
        found[name] = tuple(chip.evaluate(_FILTER))
    for number, chip in enumerate(page.locator(".groups .chip").all(), 1):
        found[f"reason {number}"] = tuple(chip.evaluate(_FILTER))
    return found
