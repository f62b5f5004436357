"""The run: which parts are measured, in which order."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass

from scripts.benchmark.browser import live, looking, opening, retrying, scraping
from scripts.benchmark.browser.report import Report
from scripts.benchmark.browser.sizes import Sizes
from scripts.benchmark.stage import Stage

PARTS = ("open", "live", "retry", "scrape")


@dataclass(slots=True)
class Run:
    """One run of the benchmark; ``report`` grows as it goes on."""

    sizes: Sizes
    report: Report

    def measure(self, parts: Collection[str]) -> None:
        """Measure these parts; raises ServiceError if something fails, or if there is no browser."""
        acts = {"open": self._open, "live": self._live, "retry": self._retry, "scrape": self._scrape}
        for part in PARTS:
            if part in parts:
                print(f"measuring {part} …", file=sys.stderr, flush=True)
                acts[part]()

    def _open(self) -> None:
        with Stage() as stage, looking.eyes() as eyes:
            self.report.opened = opening.measure(stage, eyes, self.sizes.rounds, self.sizes.looked)
            self.report.saw(eyes)

    def _live(self) -> None:
        with Stage() as stage, looking.eyes() as eyes:
            self.report.shown, self.report.alone = live.measure(stage, eyes, self.sizes)
            self.report.saw(eyes)

    def _retry(self) -> None:
        with Stage() as stage:
            self.report.retries = retrying.measure(stage, self.sizes.rounds, self.sizes.retried)

    def _scrape(self) -> None:
        with Stage() as stage:
            self.report.scrapes = scraping.measure(stage, self.sizes.rounds, self.sizes.batches)
