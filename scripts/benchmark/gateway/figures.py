"""What is measured, over all rounds, as plain figures."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from scripts.benchmark.gateway.hooks import Delivered
from scripts.benchmark.gateway.posts import Post
from scripts.benchmark.gateway.small import Small
from scripts.benchmark.gateway.waiters import Waited
from scripts.benchmark.meter import Stretch

Posts = dict[str, dict[int, list[Post]]]  # by way, by edits, of each round
Smalls = dict[str, list[Small]]
Hooks = dict[str, list[Delivered]]
Sinks = dict[str, list[Stretch]]
Waits = dict[str, list[Waited]]


def middle(values: Sequence[float | None]) -> float | None:
    """The median of what was told; None if nothing was."""
    told = [value for value in values if value is not None]
    return median(told) if told else None


def highest(values: Sequence[float | None]) -> float | None:
    """The highest of what was told; None if nothing was."""
    return max((value for value in values if value is not None), default=None)
