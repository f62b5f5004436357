"""The outcome: what was measured, how Retouch compares, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from scripts.benchmark import targets
from scripts.benchmark.enqueue import DISTINCT, SHARED
from scripts.benchmark.growth import Growth
from scripts.benchmark.makespan import Pace
from scripts.benchmark.meter import Stretch
from scripts.benchmark.targets import Target
from scripts.benchmark.versions import FLOOR, RETOUCH, RIVALS, VERSIONS
from scripts.benchmark.waiting import Waiting

RETOUCHED, BARE = RETOUCH.name, FLOOR.name


@dataclass(slots=True)
class Report:
    """All that was measured, by version; what was not asked for is missing.

    ``enqueued`` is in edits a second, Retouch's by the way (``enqueue.DISTINCT`` …). ``workers``: by the number of
    Retouch's processes. ``missing``: why a version has no figures, by the row, or for all rows.
    """

    machine: dict[str, str]
    settings: dict[str, str]
    enqueued: dict[str, float] = field(default_factory=dict)
    stretches: dict[str, Stretch] = field(default_factory=dict)
    paces: dict[str, Pace] = field(default_factory=dict)
    waits: dict[str, Waiting] = field(default_factory=dict)
    growth: list[Growth] = field(default_factory=list)
    workers: dict[int, Stretch] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def best_peer(self) -> str | None:
        """The version beside Retouch that takes the least CPU an edit; None if none was measured."""
        rivals = [v.name for v in RIVALS if v.name in self.stretches]
        return min(rivals, key=lambda name: self.stretches[name].cpu_ms, default=None)

    @property
    def spread(self) -> float | None:
        """The dearest size of a batch over the cheapest, by CPU an edit; None with fewer than two."""
        costs = [growth.cpu_ms for growth in self.growth]
        return max(costs) / min(costs) if len(costs) > 1 else None

    def ratios(self) -> dict[str, float]:
        """How Retouch compares, as far as both sides were measured."""
        found = {}
        own = self.stretches.get(RETOUCHED)
        for version in VERSIONS:
            other = self.stretches.get(version.name)
            if own is None or other is None or version is RETOUCH:
                continue
            if version is FLOOR:
                found["CPU an edit, Retouch / floor"] = own.cpu_ms / other.cpu_ms
                found["edits finished, Retouch / floor"] = own.per_second / other.per_second
            else:
                found[f"CPU an edit, {version.name} / Retouch"] = other.cpu_ms / own.cpu_ms
        if (spread := self.spread) is not None:
            found["CPU an edit, dearest size of a batch / cheapest"] = spread
        if {1, 2} <= self.workers.keys():
            found["edits finished, two processes / one"] = self.workers[2].per_second / self.workers[1].per_second
        return found

    def targets(self, cores: int) -> list[Target]:
        """The bounds that could be judged, on a machine of so many cores."""
        return [*self._of_cost(), *self._of_pace(), *self._of_scale(cores)]

    def _of_cost(self) -> Iterator[Target]:
        own, floor = self.stretches.get(RETOUCHED), self.stretches.get(BARE)
        if own and floor:
            yield Target("CPU an edit, Retouch / floor", own.cpu_ms / floor.cpu_ms, targets.MOST_OF_FLOOR)
        if own and (best := self.best_peer):
            saved = self.stretches[best].cpu_ms / own.cpu_ms
            yield Target(f"CPU an edit, best peer ({best}) / Retouch", saved, targets.LEAST_SAVED, at_most=False)
        for way, least in ((DISTINCT, targets.LEAST_DISTINCT), (SHARED, targets.LEAST_SHARED)):
            if way in self.enqueued:
                yield Target(f"edits enqueued/s from Python, {way}", self.enqueued[way], least, at_most=False)

    def _of_pace(self) -> Iterator[Target]:
        if pace := self.paces.get(RETOUCHED):
            yield Target("makespan / ideal", pace.of_ideal, targets.MOST_OF_IDEAL)
        if waiting := self.waits.get(RETOUCHED):
            many = f"{waiting.many.edits:,} edits waiting"
            yield Target(f"MiB more with {many}", waiting.more_mib, targets.MOST_WAITING_MIB)
            yield Target(f"cores beside the polls, {many}", waiting.besides, targets.MOST_WAITING_CORES)

    def _of_scale(self, cores: int) -> Iterator[Target]:
        ratios = self.ratios()
        if (spread := self.spread) is not None:
            yield Target("CPU an edit, dearest size of a batch / cheapest", spread, targets.MOST_GROWTH)
        two = "edits finished, two processes / one"
        if two in ratios and cores >= targets.CORES_FOR_TWO:
            yield Target(two, ratios[two], targets.LEAST_OF_TWO, at_most=False)

    def to_json(self, cores: int) -> dict[str, Any]:
        """Everything, as plain JSON values."""
        return {
            "machine": self.machine,
            "settings": self.settings,
            "enqueued_per_s": self.enqueued,
            "versions": {n: asdict(s) | {"edits_per_s": s.per_second} for n, s in self.stretches.items()},
            "makespan": {n: asdict(p) | {"of_ideal": p.of_ideal} for n, p in self.paces.items()},
            "waiting": {
                n: asdict(w) | {"more_mib": w.more_mib, "poll_ms": w.poll_ms, "besides": w.besides}
                for n, w in self.waits.items()
            },
            "growth": [asdict(g) for g in self.growth],
            "workers": {str(n): asdict(s) | {"edits_per_s": s.per_second} for n, s in self.workers.items()},
            "missing": self.missing,
            "ratios": self.ratios(),
            "targets": [asdict(t) | {"holds": t.holds} for t in self.targets(cores)],
        }
