"""The outcome as text for people: Markdown tables, ratios, targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from scripts.benchmark.enqueue import DISTINCT, SHARED, THROUGH_CLI
from scripts.benchmark.environments import NOT_HERE
from scripts.benchmark.markdown import Row, facts, table
from scripts.benchmark.report import RETOUCHED, Report
from scripts.benchmark.versions import VERSIONS

NONE = "-"


def heading(report: Report) -> str:
    """The machine, the versions and the settings, a line each."""
    return facts(report.machine | report.settings)


def text(report: Report, cores: int) -> str:
    """All rows that were measured, what is missing and why, the ratios, and the targets."""
    names = [v.name for v in VERSIONS]
    parts = [table(("", *names), [*_rows(report)])]
    if report.growth:
        parts.append(_growth(report))
    if report.workers:
        header = ("Retouch's processes", *(str(count) for count in report.workers))
        finished = tuple(f"{stretch.per_second:,.0f}" for stretch in report.workers.values())
        cost = tuple(f"{stretch.cpu_ms:,.2f}" for stretch in report.workers.values())
        parts.append(table(header, [("edits finished/s", *finished), ("CPU ms an edit, all workers", *cost)]))
    parts.append("\n".join(f"no figures  {name}: {why}" for name, why in report.missing.items()))
    parts.append("\n".join(f"{name}: {value:.2f}" for name, value in report.ratios().items()))
    parts.append("\n".join(str(target) for target in report.targets(cores)))
    return "\n\n".join(part for part in parts if part)


def _row(report: Report, name: str, found: Mapping[str, Any], value: Callable[[Any], float], digits: int) -> Row:
    def cell(version: str) -> str:
        if version in found:
            return f"{value(found[version]):,.{digits}f}"
        return NOT_HERE if report.missing.get(version, "").startswith(NOT_HERE) else NONE

    return (name, *(cell(version.name) for version in VERSIONS))


def _rows(report: Report) -> Iterator[Row]:
    row = partial(_row, report)
    enqueued = {name: n for name, n in report.enqueued.items() if name not in (DISTINCT, SHARED, THROUGH_CLI)}
    for way in (DISTINCT, SHARED, THROUGH_CLI):
        if way in report.enqueued:
            beside = enqueued if way == DISTINCT else {}
            yield row(f"edits enqueued/s, {way}", beside | {RETOUCHED: report.enqueued[way]}, float, 0)
    if report.stretches:
        yield from _rows_of_cost(report)
    yield from _rows_of_pace(report)


def _rows_of_cost(report: Report) -> Iterator[Row]:
    row, stretches = partial(_row, report), report.stretches
    yield row("edits finished/s", stretches, lambda s: s.per_second, 0)
    yield row("CPU ms an edit, worker", stretches, lambda s: s.cpu_ms, 2)
    yield row("peak memory MiB, worker", stretches, lambda s: s.peak_mib, 0)
    for process in ("valkey", "stand-in"):
        costs = {name: stretch.beside_ms[process] for name, stretch in stretches.items()}
        yield row(f"CPU ms an edit of the {process}", costs, float, 2)
    yield row("edits measured", stretches, lambda s: s.edits, 0)
    yield row("seconds measured", stretches, lambda s: s.seconds, 1)


def _rows_of_pace(report: Report) -> Iterator[Row]:
    row = partial(_row, report)
    if report.paces:
        yield row("makespan / ideal", report.paces, lambda p: p.of_ideal, 3)
        yield row("lag s, p50", report.paces, lambda p: p.lag_p50_s, 2)
        yield row("lag s, p95", report.paces, lambda p: p.lag_p95_s, 2)
    if report.waits:
        many = next(iter(report.waits.values())).many.edits
        yield row(f"MiB more, {many:,} waiting", report.waits, lambda w: w.more_mib, 1)
        yield row(f"CPU s a minute, {many:,} waiting", report.waits, lambda w: 60 * w.many.cores, 1)
        yield row("of it beside the polls", report.waits, lambda w: 60 * w.besides, 1)
        yield row("polls/s", report.waits, lambda w: w.many.polls_per_s, 0)


def _growth(report: Report) -> str:
    rows = [
        ("CPU ms an edit, worker", *(f"{g.cpu_ms:.2f}" for g in report.growth)),
        ("CPU ms an edit, Valkey", *(f"{g.valkey_cpu_ms:.2f}" for g in report.growth)),
        ("edits finished/s", *(f"{g.per_second:,.0f}" for g in report.growth)),
        ("memory MiB, after the warm-up", *(f"{g.start_mib:.0f}" for g in report.growth)),
        ("memory MiB, in the middle", *(f"{g.middle_mib:.0f}" for g in report.growth)),
        ("memory MiB, at the end", *(f"{g.end_mib:.0f}" for g in report.growth)),
        ("bytes of Redis an edit, peak", *(f"{g.redis_bytes:,.0f}" for g in report.growth)),
    ]
    return table(("Retouch, edits in the batch", *(f"{g.edits:,}" for g in report.growth)), rows)
