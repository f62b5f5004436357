"""How long the API takes to answer requests about edits: counted in a few bins, by kind of request.

They are fields of the ledger's sums: ``took:KIND:N`` is how many answers came within ``EDGES_S[N]`` and not within the
edge before it (``N`` is the number of edges for what took longer); ``took:KIND:ms`` is how long all took together.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

EDGES_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
KINDS = ("submit", "status")


class Stopwatch:
    """Counts what one process sees, until it is told. Not thread-safe."""

    def __init__(self) -> None:
        self._seen = Counter[str]()

    def note(self, kind: str, seconds: float) -> None:
        """An answer came after so long."""
        self._seen[f"took:{kind}:{bisect_left(EDGES_S, seconds)}"] += 1
        self._seen[f"took:{kind}:ms"] += round(1000 * seconds)

    def take(self) -> dict[str, int]:
        """What was seen since the last call."""
        seen, self._seen = self._seen, Counter()
        return dict(seen)


@dataclass(frozen=True, slots=True)
class Latency:
    """The answers to one kind of request: how many took at most each of ``EDGES_S``, and longer; and all together."""

    bins: tuple[int, ...]
    total_s: float

    @classmethod
    def of(cls, counts: Mapping[str, int], kind: str) -> Latency:
        """Read the ledger's sums."""
        bins = tuple(counts.get(f"took:{kind}:{number}", 0) for number in range(len(EDGES_S) + 1))
        return cls(bins, counts.get(f"took:{kind}:ms", 0) / 1000)

    @property
    def answers(self) -> int:
        """How many there were."""
        return sum(self.bins)

    def within_s(self, share: float) -> float | None:
        """By which time this share of the answers has come, even within a bin; None: there were none.

        What took longer than the last edge counts as that.
        """
        wanted, before, low = share * self.answers, 0, 0.0
        for edge, number in zip(EDGES_S, self.bins, strict=False):
            if number and before + number >= wanted:
                return low + (edge - low) * (wanted - before) / number
            before, low = before + number, edge
        return EDGES_S[-1] if self.answers else None
