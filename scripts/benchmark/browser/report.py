"""The outcome of a run, the bounds, and both as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from scripts.benchmark.browser.live import Live
from scripts.benchmark.browser.looking import Eyes
from scripts.benchmark.browser.opening import Opened
from scripts.benchmark.browser.retrying import Retry
from scripts.benchmark.markdown import Row, table
from scripts.benchmark.targets import Target

MOST_OPEN_MS, MOST_FILTER_MS = 500.0, 50.0
MOST_LATE_S, MOST_CORES, LEAST_BESIDE = 1.0, 0.05, 0.98
MOST_RETRY_S, MOST_HELD_MS = 20.0, 20.0
MOST_SCRAPE_MS = 10.0


@dataclass(slots=True)
class Report:
    """All that was measured, a figure a round; what was not asked for is missing.

    ``strangers``: hosts beside the gateway that the browser asked; None: no browser was there.
    """

    machine: dict[str, str]
    settings: dict[str, str]
    opened: list[Opened] = field(default_factory=list)
    shown: list[Live] = field(default_factory=list)  # with the page open
    alone: list[Live] = field(default_factory=list)
    retries: list[Retry] = field(default_factory=list)
    scrapes: list[float] = field(default_factory=list)  # ms
    strangers: list[str] | None = None

    def saw(self, eyes: Eyes) -> None:
        """Note whom a browser has asked."""
        self.strangers = sorted({*(self.strangers or ()), *eyes.strangers})

    def filters_ms(self) -> dict[str, float]:
        """The median of each filter, the slowest first."""
        return _slowest_first([one.filters_ms for one in self.opened])

    def named_ms(self) -> dict[str, float]:
        """The same until the list has the names of edits too."""
        return _slowest_first([one.named_ms for one in self.opened])

    def beside(self) -> float:
        """How many times as fast edits are with the page: of the pairs of each round, the one in the middle."""
        pairs = zip(self.shown, self.alone, strict=True)
        return median(shown.edits_per_s / alone.edits_per_s for shown, alone in pairs)

    def targets(self) -> list[Target]:
        """The bounds that could be judged."""
        return list(self._targets())

    def _targets(self) -> Iterator[Target]:
        if self.opened:
            yield Target("ms to open a batch by its address", median(o.anew_ms for o in self.opened), MOST_OPEN_MS)
            yield Target("ms to open it from the list", median(o.from_list_ms for o in self.opened), MOST_OPEN_MS)
            yield Target("ms of the slowest filter", next(iter(self.filters_ms().values())), MOST_FILTER_MS)
        if self.shown:
            yield Target(
                "seconds until a change is seen, at most", median(o.late_most_s for o in self.shown), MOST_LATE_S
            )
            yield Target("cores of the gateway meanwhile", median(one.cores for one in self.shown), MOST_CORES)
            yield Target("edits finished/s, with the page / without", self.beside(), LEAST_BESIDE, at_most=False)
        if self.retries:
            yield Target("seconds to try all failed again", median(one.seconds for one in self.retries), MOST_RETRY_S)
            held = median(one.longest_ms for one in self.retries)
            yield Target("ms that it holds Redis at a time, at most", held, MOST_HELD_MS)
        if self.scrapes:
            yield Target("ms of a scrape", median(self.scrapes), MOST_SCRAPE_MS)
        if self.strangers is not None:
            yield Target("other hosts that the page asks", len(self.strangers), 0)

    def text(self) -> str:
        """All that was measured, and the bounds."""
        parts = [table(("what", "median", "least", "most"), rows) for rows in self._rows() if rows]
        parts.append("\n".join(map(str, self.targets())))
        return "\n\n".join(part for part in parts if part)

    def _rows(self) -> Iterator[list[Row]]:
        yield [
            *_row("ms to open a batch by its address", [one.anew_ms for one in self.opened], 0),
            *_row("ms to open it from the list", [one.from_list_ms for one in self.opened], 0),
            *(row for name in self.filters_ms() for row in self._filter(name)),
        ]
        yield [
            *_row("seconds until a change is seen, p50", [one.late_p50_s for one in self.shown], 2),
            *_row("seconds until a change is seen, at most", [one.late_most_s for one in self.shown], 2),
            *_row("cores of the gateway", [one.cores for one in self.shown], 3),
            *_row("edits finished/s, with the page", [one.edits_per_s for one in self.shown], 1),
            *_row("edits finished/s, without", [one.edits_per_s for one in self.alone], 1),
        ]
        yield [
            *_row("seconds to try all failed again", [one.seconds for one in self.retries], 1),
            *_row("ms that it holds Redis at a time, at most", [one.longest_ms for one in self.retries], 1),
        ]
        yield _row("ms of a scrape", self.scrapes, 1)

    def _filter(self, name: str) -> Iterator[Row]:
        yield from _row(f"ms of the filter {name}", [one.filters_ms[name] for one in self.opened], 0)
        yield from _row(f"ms of the filter {name}, with names", [one.named_ms[name] for one in self.opened], 0)

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON values."""
        return asdict(self) | {"targets": [asdict(target) | {"holds": target.holds} for target in self.targets()]}


def _slowest_first(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    medians = {name: median(one[name] for one in rounds) for name in rounds[0]} if rounds else {}
    return dict(sorted(medians.items(), key=lambda found: -found[1]))


def _row(name: str, values: Sequence[float], digits: int) -> list[Row]:
    return [(name, *(f"{value:,.{digits}f}" for value in (median(values), min(values), max(values))))] if values else []
