"""What a run of the harness found: for people as Markdown, and as a verdict."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.chaos.boundaries import POINTS
from tests.chaos.judge import Finding


@dataclass(frozen=True)
class Measured:
    """One thing measured, with its bound: ``holds`` says whether it was kept."""

    what: str
    found: str
    bound: str
    holds: bool

    def row(self) -> str:
        """A line of the table."""
        return f"| {self.what} | {self.found} | {self.bound} | {'yes' if self.holds else '**NO**'} |"


@dataclass
class Report:
    """Everything found, act by act."""

    acts: dict[str, str] = field(default_factory=dict)  # what was done, act by act
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    measured: list[Measured] = field(default_factory=list)
    bugs: dict[str, str] = field(default_factory=dict)  # planted bug → what gave it away; empty: nothing

    def add(self, other: Report) -> None:
        """Take in what another act found."""
        self.acts.update(other.acts)
        self.findings.update(other.findings)
        self.kills += other.kills
        self.measured += other.measured
        self.bugs.update(other.bugs)

    @property
    def failures(self) -> list[str]:
        """What does not hold."""
        broken = [f"{act}: {f.name}: {v}" for act, found in self.findings.items() for f in found for v in f.violations]
        missed = [f"{m.what}: {m.found}, not {m.bound}" for m in self.measured if not m.holds]
        return broken + missed + [f"the planted bug {name} was not caught" for name, by in self.bugs.items() if not by]

    def markdown(self, circumstances: str) -> str:
        """The tables of docs/reliability.md."""
        verdict = f"**{len(self.failures)} things do not hold.**" if self.failures else "Everything held."
        parts = [f"{verdict} {circumstances}"]
        if self.acts:
            parts.append("\n".join(["### Acts", "", *(f"* **{name}**: {about}" for name, about in self.acts.items())]))
        if self.findings:
            parts.append(self._invariants())
        if self.measured:
            parts.append(self._measured())
        if self.kills:
            parts.append(self._kills())
        if self.bugs:
            parts.append(self._bugs())
        return "\n\n".join(parts) + "\n"

    def _invariants(self) -> str:
        sums: dict[str, Counter[str]] = defaultdict(Counter)
        broken: Counter[str] = Counter()
        for finding in (f for found in self.findings.values() for f in found):
            sums[finding.name].update(finding.counted)
            broken[finding.name] += len(finding.violations)
        lines = [
            f"### Invariants, over {len(self.findings)} runs",
            "",
            "| invariant | looked at | broken |",
            "| --- | --- | ---: |",
        ]
        for name, counted in sums.items():
            looked = ", ".join(f"{n:,} {what}" for what, n in counted.items() if n)
            lines.append(f"| {name} | {looked} | {broken[name]} |")
        return "\n".join(lines)

    def _measured(self) -> str:
        rows = [m.row() for m in self.measured]
        return "\n".join(
            ["### Measured", "", "| what | found | to reach | holds |", "| --- | --- | --- | --- |", *rows]
        )

    def _kills(self) -> str:
        points = [(point, self.kills[point]) for point in (*POINTS, "anywhere")]
        cells = [f"{point} {n}" for point, n in points]
        total = (
            f"### Kills by boundary: {self.kills.total()} at {sum(n > 0 for _, n in points)} of {len(points)} points"
        )
        return "\n".join([total, "", "; ".join(cells) + "."])

    def _bugs(self) -> str:
        caught = sum(bool(by) for by in self.bugs.values())
        rows = [f"| {name.replace('_', ' ')} | {by[:110] or '**nothing**'} |" for name, by in self.bugs.items()]
        return "\n".join(
            [
                f"### Planted bugs: {caught} of {len(self.bugs)} caught",
                "",
                "| bug | given away by |",
                "| --- | --- |",
                *rows,
            ]
        )
