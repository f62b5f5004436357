"""The run: which rows are measured of which versions, in which order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from retouch.errors import ServiceError
from scripts.benchmark import cost, enqueue, growth, makespan, waiting
from scripts.benchmark.environments import NOT_HERE, NotInstallableError
from scripts.benchmark.meter import Stretch
from scripts.benchmark.report import Report
from scripts.benchmark.sizes import Sizes
from scripts.benchmark.versions import ARQ, CELERY, RETOUCH, RIVALS, VERSIONS, Version

ROWS = ("enqueue", "cpu", "workers", "growth", "makespan", "waiting")
WORKERS = (1, 2)

T = TypeVar("T")


@dataclass(slots=True)
class Run:
    """One run of the benchmark; ``report`` grows as it goes on."""

    sizes: Sizes
    rows: Collection[str]
    versions: list[Version]
    report: Report

    def measure(self) -> None:
        """Measure everything; raises ServiceError if Retouch or the floor fails: a peer's failure is only noted."""
        acts = {
            "enqueue": self._enqueue,
            "cpu": self._cpu,
            "workers": self._workers,
            "growth": self._growth,
            "makespan": self._makespan,
            "waiting": self._waiting,
        }
        self._drop_not_installable()
        for row in ROWS:
            if row in self.rows:
                acts[row]()

    def _drop_not_installable(self) -> None:
        for version in list(self.versions):
            try:
                version.python()
            except NotInstallableError as error:
                self.report.missing[version.name] = f"{NOT_HERE} ({error})"
                self.versions.remove(version)

    def _enqueue(self) -> None:
        for version in self.versions:
            # The pool makes no difference to the producer.
            if version in RIVALS and (version is CELERY or version.module != CELERY.module):
                self._try("enqueue", version, lambda v: enqueue.peer(v, self.sizes), self.report.enqueued)
        if RETOUCH in self.versions:
            _say("enqueue, retouch")
            self.report.enqueued.update(enqueue.retouch(self.sizes))

    def _cpu(self) -> None:
        """Round by round, so that what disturbs the machine for a while disturbs all versions alike."""
        runs: dict[str, list[Stretch]] = {version.name: [] for version in self.versions}
        for number in range(1, self.sizes.rounds + 1):
            for version in self.versions:
                if version not in RIVALS or number <= self.sizes.peer_rounds:
                    row = f"cpu, round {number} of {self.sizes.rounds}"
                    one: dict[str, Stretch] = {}
                    self._try(row, version, lambda v: cost.measure(v, self.sizes), one)
                    runs[version.name] += one.values()
        self.report.stretches = {name: cheapest(stretches) for name, stretches in runs.items() if stretches}

    def _workers(self) -> None:
        if RETOUCH not in self.versions:
            return
        runs: dict[int, list[Stretch]] = {count: [] for count in WORKERS}
        for number in range(1, self.sizes.rounds + 1):
            for count in WORKERS:
                _say(f"workers, {count} of them, round {number} of {self.sizes.rounds}")
                runs[count].append(cost.retouch(self.sizes.retouch, count))
        self.report.workers = {count: cheapest(stretches) for count, stretches in runs.items()}

    def _growth(self) -> None:
        for size in self.sizes.growth if RETOUCH in self.versions else ():
            _say(f"growth, {size:,} edits")
            self.report.growth += growth.measure([size])

    def _makespan(self) -> None:
        for version in self._paced():
            self._try("makespan", version, lambda v: makespan.measure(v, self.sizes), self.report.paces)

    def _waiting(self) -> None:
        for version in self._paced():
            self._try("waiting", version, lambda v: waiting.measure(v, self.sizes), self.report.waits)

    def _paced(self) -> list[Version]:
        """Retouch, the ordinary version, and of the peers with an event loop the one that costs least."""
        on_loop = [version for version in self.versions if version.on_loop]
        best = min(on_loop, key=self._cpu_of, default=ARQ)
        return [version for version in self.versions if version in (RETOUCH, CELERY, best)]

    def _cpu_of(self, version: Version) -> float:
        stretch = self.report.stretches.get(version.name)
        return stretch.cpu_ms if stretch else float("inf")

    def _try(self, row: str, version: Version, measure: Callable[[Version], T], found: dict[str, T]) -> None:
        """Measure one version; a peer that fails has no figures in this row, with the reason."""
        _say(f"{row}, {version.name}")
        try:
            found[version.name] = measure(version)
        except ServiceError as error:
            if version not in RIVALS:
                raise
            self.report.missing[f"{row.partition(',')[0]}, {version.name}"] = str(error).splitlines()[0]


def cheapest(stretches: Sequence[Stretch]) -> Stretch:
    """The one with the least CPU an edit."""
    return min(stretches, key=lambda stretch: stretch.cpu_ms)


def chosen(names: Sequence[str]) -> tuple[list[str], list[Version]]:
    """The rows and versions that ``--only`` names; all rows if it names none of them, and all versions alike."""
    rows = [row for row in ROWS if row in names] or list(ROWS)
    versions = [version for version in VERSIONS if version.name in names] or list(VERSIONS)
    return rows, versions


def _say(what: str) -> None:
    print(f"measuring {what} …", file=sys.stderr, flush=True)
