"""How two revisions compare, from rounds in which they took turns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist, fmean, median, stdev
from typing import Any

from scripts.benchmark.markdown import table
from scripts.benchmark.targets import Target

BEFORE, OFF, ON = "before", "now, no journal", "now, journal"
MOST_BYTES, MOST_CPU = 1.10, 1.05  # times as much as before
SURE = 0.90  # of the interval
ROWS = {
    "cpu_us": ("CPU us an edit", 0),
    "commands": ("commands an edit", 1),
    "queued_bytes": ("bytes, queued", 0),
    "ended_bytes": ("bytes, ended", 0),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """An edit's, of Redis, to its end: CPU in us; commands, those in scripts too; bytes, queued and ended."""

    cpu_us: float
    commands: float
    queued_bytes: float
    ended_bytes: float


Costs = Mapping[str, Sequence[Cost]]  # by way, of each round


def text(costs: Costs) -> str:
    """The medians, how they compare, and the bounds."""
    rows = [
        (shown, *(f"{median(asdict(cost)[name] for cost in rounds):,.{digits}f}" for rounds in costs.values()))
        for name, (shown, digits) in ROWS.items()
    ]
    return "\n\n".join([table(("Redis, in the median", *costs), rows), "\n".join(map(str, targets(costs)))])


def targets(costs: Costs) -> list[Target]:
    """The bounds: memory without the journal, and CPU at the upper end of the interval."""
    return list(_targets(costs))


def _targets(costs: Costs) -> Iterator[Target]:
    for name in ("queued_bytes", "ended_bytes"):
        before, now = (median(asdict(cost)[name] for cost in costs[way]) for way in (BEFORE, OFF))
        yield Target(f"{name.replace('_', ' ')} of an edit, {OFF} / {BEFORE}", now / before, MOST_BYTES)
    for way in (OFF, ON):
        low, middle, high = interval([(a.cpu_us, b.cpu_us) for a, b in zip(costs[BEFORE], costs[way], strict=True)])
        shown = f"CPU of an edit, {way} / {BEFORE} ({low:.3f}, {middle:.3f}, {high:.3f}), upper end"
        yield Target(shown, high, MOST_CPU)


def interval(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """How many times as much the second of each pair is: the mean, and within what it is with 90 % certainty.

    By Student's t over the logarithms of the pairs; one pair says nothing of its spread.
    """
    logs = [math.log(second / first) for first, second in pairs]
    spread = _t(len(logs) - 1) * stdev(logs) / math.sqrt(len(logs)) if len(logs) > 1 else math.inf
    middle = fmean(logs)
    return math.exp(middle - spread), math.exp(middle), math.exp(middle + spread)


def _t(freedom: int) -> float:
    """Student's t at which a tenth lies outside (Cornish and Fisher's expansion: off by 0.2 % from 5 degrees on)."""
    z = NormalDist().inv_cdf((1 + SURE) / 2)
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2


def to_json(costs: Costs) -> dict[str, Any]:
    """Everything, as plain JSON values."""
    found = [asdict(target) | {"holds": target.holds} for target in targets(costs)]
    return {"costs": {way: [asdict(cost) for cost in rounds] for way, rounds in costs.items()}, "targets": found}
