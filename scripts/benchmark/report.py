"""The outcome: a table for people, the same as JSON, and whether the targets hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from scripts.benchmark.meter import Stretch

VERSIONS = ("ordinary", "retouch", "floor")

MOST_OF_FLOOR = 1.5  # times the floor's CPU an edit
LEAST_SAVED = 8.0  # times less CPU an edit than the ordinary version
CLI_EDITS, CLI_MOST_S = 10_000, 3.0  # lines through the command line, in seconds


@dataclass(frozen=True, slots=True)
class Target:
    """A bound that Retouch keeps, or does not. ``at_most`` tells which side is good."""

    name: str
    value: float
    bound: float
    at_most: bool = True

    @property
    def holds(self) -> bool:
        """Tell whether the value is on the good side."""
        return self.value <= self.bound if self.at_most else self.value >= self.bound


@dataclass(slots=True)
class Report:
    """All that was measured. ``enqueued`` is in edits a second; what was not asked for is missing."""

    machine: dict[str, str]
    settings: dict[str, str]
    enqueued: dict[str, float] = field(default_factory=dict)
    stretches: dict[str, Stretch] = field(default_factory=dict)

    def ratios(self) -> dict[str, float]:
        """How Retouch compares, as far as both sides were measured."""
        found = {}
        if both := self._both("retouch", "floor"):
            found["CPU an edit, Retouch / floor"] = both[0].cpu_ms / both[1].cpu_ms
            found["edits finished, Retouch / floor"] = both[0].per_second / both[1].per_second
        if both := self._both("ordinary", "retouch"):
            found["CPU an edit, ordinary / Retouch"] = both[0].cpu_ms / both[1].cpu_ms
            found["edits finished, Retouch / ordinary"] = both[1].per_second / both[0].per_second
        if {"cli", "ordinary"} <= self.enqueued.keys():
            found["edits enqueued, CLI / ordinary"] = self.enqueued["cli"] / self.enqueued["ordinary"]
        return found

    def targets(self) -> list[Target]:
        """The bounds that could be judged."""
        ratios, targets = self.ratios(), []
        if (value := ratios.get("CPU an edit, Retouch / floor")) is not None:
            targets.append(Target("CPU an edit, Retouch / floor", value, MOST_OF_FLOOR))
        if (value := ratios.get("CPU an edit, ordinary / Retouch")) is not None:
            targets.append(Target("CPU an edit, ordinary / Retouch", value, LEAST_SAVED, at_most=False))
        if cli := self.enqueued.get("cli"):
            targets.append(Target(f"s for {CLI_EDITS:,} lines through the CLI", CLI_EDITS / cli, CLI_MOST_S))
        return targets

    def _both(self, one: str, other: str) -> tuple[Stretch, Stretch] | None:
        if one in self.stretches and other in self.stretches:
            return self.stretches[one], self.stretches[other]
        return None

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON values."""
        return {
            "machine": self.machine,
            "settings": self.settings,
            "enqueued_per_s": self.enqueued,
            "versions": {n: asdict(s) | {"edits_per_s": s.per_second} for n, s in self.stretches.items()},
            "ratios": self.ratios(),
            "targets": [asdict(t) | {"holds": t.holds} for t in self.targets()],
        }


def heading(report: Report) -> str:
    """The machine, the versions and the settings, a line each."""
    facts = report.machine | report.settings
    width = max(len(name) for name in facts)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in facts.items())


def table(report: Report) -> str:
    """The rows, as a Markdown table, with the ratios and the targets below."""
    rows = [("", *VERSIONS), ("---", *["---:"] * len(VERSIONS)), *_rows(report)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [_line(row, widths) for row in rows]
    lines += ["", *(f"{name}: {value:.2f}" for name, value in report.ratios().items())]
    lines += ["", *(_judged(target) for target in report.targets())]
    return "\n".join(lines).strip()


def _rows(report: Report) -> list[tuple[str, ...]]:
    enqueued, stretches = report.enqueued, report.stretches

    def row(name: str, values: Mapping[str, float], digits: int) -> tuple[str, ...]:
        return (name, *(f"{values[v]:,.{digits}f}" if v in values else "-" for v in VERSIONS))

    def of_stretch(name: str, attribute: str, digits: int) -> tuple[str, ...]:
        return row(name, {v: getattr(s, attribute) for v, s in stretches.items()}, digits)

    def beside(process: str) -> tuple[str, ...]:
        return row(f"CPU ms an edit of the {process}", {v: s.beside_ms[process] for v, s in stretches.items()}, 2)

    through_cli = {"ordinary": enqueued["ordinary"], "retouch": enqueued["cli"]} if enqueued else {}
    from_python = {"ordinary": enqueued["ordinary"], "retouch": enqueued["python"]} if enqueued else {}
    return [
        row("edits enqueued/s, from Python", from_python, 0),
        row("edits enqueued/s, retouch enqueue", {v: n for v, n in through_cli.items() if v == "retouch"}, 0),
        of_stretch("edits finished/s", "per_second", 0),
        of_stretch("CPU ms an edit, worker", "cpu_ms", 2),
        of_stretch("peak memory MiB, worker", "peak_mib", 0),
        beside("valkey"),
        beside("stand-in"),
        of_stretch("edits measured", "edits", 0),
        of_stretch("seconds measured", "seconds", 1),
    ]


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    name, *values = (
        f"{cell:<{width}}" if not n else f"{cell:>{width}}"
        for n, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return f"| {' | '.join([name, *values])} |"


def _judged(target: Target) -> str:
    bound = f"at {'most' if target.at_most else 'least'} {target.bound:g}"
    return f"{'holds' if target.holds else 'MISSED':<6}  {target.name}: {target.value:.2f} ({bound})"
