"""The outcome as text for people: Markdown tables, the ratios, and the bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import TypeVar

from scripts.benchmark.gateway.figures import highest, middle
from scripts.benchmark.gateway.report import Report
from scripts.benchmark.gateway.small import SHARES
from scripts.benchmark.markdown import Row, table

NONE = "-"
T = TypeVar("T")


def text(report: Report) -> str:
    """All that was measured, what is missing and why, the ratios, and the bounds."""
    parts = [*_posts(report), *_broken(report), *_small(report), *_hooks(report), *_sinks(report), *_waits(report)]
    parts.append("\n".join(f"note: {what}: {why}" for what, why in report.missing.items()))
    parts.append("\n".join(f"{name}: {ratio:.2f}" for name, ratio in report.ratios().items()))
    parts.append("\n".join(map(str, report.targets())))
    return "\n\n".join(part for part in parts if part)


def _posts(report: Report) -> Iterator[str]:
    for edits in sorted({edits for of_way in report.posts.values() for edits in of_way}):
        rounds = {way: of_way[edits] for way, of_way in report.posts.items() if edits in of_way}
        rows = [
            _row("seconds, median", rounds, lambda all_: middle([one.seconds for one in all_]), 2),
            _row("seconds, quickest", rounds, lambda all_: min(one.seconds for one in all_), 2),
            _row("CPU s of the server", rounds, lambda all_: middle([one.cpu_s for one in all_]), 2),
            _row("peak memory MiB of the server", rounds, lambda all_: highest([one.peak_mib for one in all_]), 0),
            _row("ms of others' requests, p99", rounds, lambda all_: middle([one.others_p99_ms for one in all_]), 1),
        ]
        yield table((f"{edits:,} edits in one request", *rounds), rows)


def _broken(report: Report) -> Iterator[str]:
    for lines, post in report.broken.items():
        rows = [
            ("seconds until it is refused", _shown(post.seconds, 1)),
            ("CPU s of the gateway", _shown(post.cpu_s, 1)),
            ("peak memory MiB of the gateway", _shown(post.peak_mib, 0)),
            ("ms of others' requests, p99", _shown(post.others_p99_ms, 1)),
            ("ms of others' requests, the slowest", _shown(max(post.others_ms, default=None), 1)),
        ]
        yield table((f"{lines:,} lines, one in a thousand broken", ""), rows)


def _small(report: Report) -> Iterator[str]:
    if not report.small:
        return

    def share(share: float) -> Row:
        return _row(
            f"ms, p{share:.0%}".rstrip("%"), report.small, lambda all_: middle([one.ms[share] for one in all_]), 0
        )

    rows = [
        _row("requests/s", report.small, lambda all_: middle([one.per_s for one in all_]), 0),
        *map(share, SHARES),
        _row("CPU ms a request of the server", report.small, lambda all_: middle([one.cpu_ms for one in all_]), 2),
    ]
    yield table(("small requests, an edit each", *report.small), rows)


def _hooks(report: Report) -> Iterator[str]:
    if report.hooks:
        rows = [
            _row("webhooks/s", report.hooks, lambda all_: median(one.per_s for one in all_), 0),
            _row("CPU ms a webhook", report.hooks, lambda all_: median(one.cpu_ms for one in all_), 3),
        ]
        yield table(("webhooks of one process", *report.hooks), rows)


def _sinks(report: Report) -> Iterator[str]:
    if report.sinks:
        rows = [
            _row("edits finished/s", report.sinks, lambda all_: median(one.per_second for one in all_), 0),
            _row("CPU ms an edit, worker", report.sinks, lambda all_: median(one.cpu_ms for one in all_), 2),
            _row("CPU ms an edit, Valkey", report.sinks, lambda all_: median(o.beside_ms["valkey"] for o in all_), 2),
        ]
        yield table(("one worker, beside", *report.sinks), rows)


def _waits(report: Report) -> Iterator[str]:
    if report.waits:
        clients = next(iter(report.waits.values()))[0].clients
        rows = [
            _row("edits finished/s", report.waits, lambda all_: median(one.edits_per_s for one in all_), 0),
            _row("s until one knows, p50", report.waits, lambda all_: median(one.late_p50_s for one in all_), 3),
            _row("s until the last one knows", report.waits, lambda all_: median(one.late_most_s for one in all_), 3),
            _row("cores of the gateway", report.waits, lambda all_: median(one.cores for one in all_), 3),
        ]
        yield table((f"{clients} callers wait for a batch's end each", *report.waits), rows)


def _row(
    name: str, rounds: Mapping[str, Sequence[T]], value: Callable[[Sequence[T]], float | None], digits: int
) -> Row:
    return (name, *(_shown(value(all_), digits) for all_ in rounds.values()))


def _shown(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:,.{digits}f}"
