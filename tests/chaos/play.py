"""What an act is given: a stage, a report to add to, and the judge."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.chaos.evidence import Evidence
from tests.chaos.judge import judge
from tests.chaos.report import Measured, Report
from tests.chaos.stage import Run, Stage


@dataclass
class Play:
    """One act's own. ``quick``: only a part of it is played."""

    stage: Stage
    report: Report
    rng: random.Random
    quick: bool

    def judged(
        self, act: str, run: Run, *, late_post_s: float | None = None, late_request_s: float | None = None
    ) -> None:
        """End the run and let the judge look at it."""
        self.stage.nursery.kill_all()
        evidence: Evidence = run.evidence(late_post_s=late_post_s, late_request_s=late_request_s)
        self.report.findings[act] = judge(evidence)

    def measured(self, what: str, found: str, bound: str, holds: bool) -> None:
        """Add a line to what was measured."""
        self.report.measured.append(Measured(what, found, bound, holds))

    def timed(self, what: str, found: str, bound: str, holds: bool) -> None:
        """Add a time; a quick run is one among other tests, on a machine of any speed, and judges none."""
        self.measured(what, found, bound, holds or self.quick)
