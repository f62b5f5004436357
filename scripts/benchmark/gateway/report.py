"""The outcome of a run, the bounds, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from scripts.benchmark.gateway.figures import Hooks, Posts, Sinks, Smalls, Waits, highest, middle
from scripts.benchmark.gateway.posts import Post
from scripts.benchmark.gateway.small import Small
from scripts.benchmark.gateway.ways import (
    AIOHTTP,
    ALWAYS,
    BAD_SINKS,
    BARE,
    GATEWAY,
    NO_SINK,
    QUICK_SINK,
    STREAMS,
    WORKER,
)
from scripts.benchmark.targets import Target

MOST_S = {10_000: 2.0, 100_000: 10.0}  # by edits in one request
MOST_MIB = 150.0
MOST_P95_MS = 50.0
LEAST_HOOKS = 500.0  # a second
LEAST_BESIDE = 0.95  # of the edits/s without sinks
MOST_LATE_S = 1.0
MOST_CORES = 0.1


@dataclass(slots=True)
class Report:
    """All that was measured; what was not asked for is missing. ``missing``: why a part has no figures."""

    machine: dict[str, str]
    settings: dict[str, str]
    posts: Posts = field(default_factory=dict)
    broken: dict[int, Post] = field(default_factory=dict)  # by lines
    small: Smalls = field(default_factory=dict)
    hooks: Hooks = field(default_factory=dict)
    sinks: Sinks = field(default_factory=dict)
    waits: Waits = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def ratios(self) -> dict[str, float]:
        """How Retouch compares with what stands beside it, in the median of the rounds."""
        return dict(self._ratios())

    def _ratios(self) -> Iterator[tuple[str, float]]:
        for edits, posts in self.posts.get(GATEWAY, {}).items():
            if bare := self.posts.get(BARE, {}).get(edits):
                yield (
                    f"seconds for {edits:,} edits, {GATEWAY} / {BARE}",
                    median(one.seconds for one in posts) / median(one.seconds for one in bare),
                )
        yield from self._of_small()
        if {WORKER, AIOHTTP} <= self.hooks.keys():
            own, bare_cost = (median(one.cpu_ms for one in self.hooks[way]) for way in (WORKER, AIOHTTP))
            yield f"CPU a webhook, a worker / {AIOHTTP}", own / bare_cost
        for way in (QUICK_SINK, BAD_SINKS):
            if (beside := self._beside(way)) is not None:
                yield f"edits finished/s, {way} / {NO_SINK}", beside
        if len(self.waits) > 1:
            streams, polls = (median(one.cores for one in waits) for waits in self.waits.values())
            yield "the gateway's CPU for those who wait, asked each second / events", polls / streams

    def _of_small(self) -> Iterator[tuple[str, float]]:
        bare = self.small.get(BARE)
        for way in (GATEWAY, ALWAYS):
            if bare and (small := self.small.get(way)):
                for name, share in (("p50", 0.5), ("p95", 0.95)):
                    yield f"ms of a small request, {name}, {way} / {BARE}", _at(small, share) / _at(bare, share)

    def _beside(self, way: str) -> float | None:
        """Of the pairs of each round, which the same load met, the one in the middle."""
        pairs = zip(self.sinks.get(way, ()), self.sinks.get(NO_SINK, ()), strict=False)
        return middle([one.per_second / without.per_second for one, without in pairs])

    def targets(self) -> list[Target]:
        """The bounds that could be judged."""
        return list(self._targets())

    def _targets(self) -> Iterator[Target]:
        yield from self._of_posts()
        for way in (GATEWAY, ALWAYS):
            if small := self.small.get(way):
                yield Target(f"ms of a small request, p95, {way}", _at(small, 0.95), MOST_P95_MS)
        if hooks := self.hooks.get(WORKER):
            yield Target("webhooks/s", median(one.per_s for one in hooks), LEAST_HOOKS, at_most=False)
        if (beside := self._beside(BAD_SINKS)) is not None:
            yield Target(f"edits finished/s, {BAD_SINKS} / {NO_SINK}", beside, LEAST_BESIDE, at_most=False)
        if waits := self.waits.get(STREAMS):
            yield Target("seconds until the last one knows", median(w.late_most_s for w in waits), MOST_LATE_S)
            yield Target("cores of the gateway, for those who wait", median(w.cores for w in waits), MOST_CORES)

    def _of_posts(self) -> Iterator[Target]:
        for edits, posts in self.posts.get(GATEWAY, {}).items():
            if edits in MOST_S:
                name = f"seconds for {edits:,} edits in one request"
                yield Target(name, median(one.seconds for one in posts), MOST_S[edits])
                if (peak := highest([one.peak_mib for one in posts])) is not None:
                    yield Target(f"MiB of the gateway for {edits:,} edits, peak", peak, MOST_MIB)
        for lines, post in self.broken.items():
            if post.peak_mib is not None:
                yield Target(f"MiB of the gateway for {lines:,} lines that it refuses, peak", post.peak_mib, MOST_MIB)

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON values."""
        return asdict(self) | {
            "ratios": self.ratios(),
            "targets": [asdict(target) | {"holds": target.holds} for target in self.targets()],
        }


def _at(rounds: Sequence[Small], share: float) -> float:
    return median(one.ms[share] for one in rounds)
