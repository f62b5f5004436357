"""The run: which parts are measured, in which order."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass

from scripts.benchmark.engine import counting, pieces, race, sameness, served
from scripts.benchmark.engine.report import Report
from scripts.benchmark.engine.sizes import Sizes
from scripts.benchmark.engine.subject import Model, Subject

PARTS = ("calls", "race", "pieces", "bytes", "endpoint")


@dataclass(slots=True)
class Run:
    """One run of the benchmark; ``report`` grows as it goes on."""

    model: Model
    subject: Subject
    sizes: Sizes
    report: Report

    def measure(self, parts: Collection[str]) -> None:
        """Measure these parts; one for which memory is too small is named. Raises ServiceError of the endpoint."""
        acts = {
            "calls": self._calls,
            "race": self._race,
            "pieces": self._pieces,
            "bytes": self._bytes,
            "endpoint": self._endpoint,
        }
        for part in PARTS:
            if part in parts:
                try:
                    acts[part]()
                except race.LACKS as error:
                    self.report.remarks[part] = race.first_line(error)

    def _calls(self) -> None:
        sizes = self.sizes
        self.report.counted = counting.count(sizes.counted, max(sizes.in_flight), sizes.max_rows[0])

    def _race(self) -> None:
        race.race(self.subject, self.sizes, self.report, say)

    def _pieces(self) -> None:
        self.report.pieces = pieces.measure(self.subject, self.sizes, say)

    def _bytes(self) -> None:
        self.report.same = sameness.compare(self.model, self.subject.device, self.sizes, say)

    def _endpoint(self) -> None:
        self.report.served = served.measure(self.subject, self.sizes, self.sizes.max_rows[0], say)


def say(what: str) -> None:
    """Tell on stderr what is going on."""
    print(f"measuring {what} …", file=sys.stderr, flush=True)
