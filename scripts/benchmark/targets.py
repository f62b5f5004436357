"""The bounds that Retouch keeps, or does not."""

from __future__ import annotations

from dataclasses import dataclass

MOST_OF_FLOOR = 1.3  # times the floor's CPU an edit
LEAST_SAVED = 3.0  # times less CPU an edit than the best peer
MOST_OF_IDEAL = 1.05  # times the ideal makespan
MOST_WAITING_MIB = 20.0  # more memory with many edits at the API than with none
MOST_WAITING_CORES = 0.05  # of one core, besides the polls themselves
LEAST_DISTINCT, LEAST_SHARED = 10_000.0, 20_000.0  # edits enqueued a second from Python
MOST_GROWTH = 1.2  # times, from the cheapest size of a batch to the dearest
LEAST_OF_TWO = 1.7  # times the edits/s of one worker process
CORES_FOR_TWO = 4  # two workers, Valkey and the stand-in: with fewer, two processes cannot be faster


@dataclass(frozen=True, slots=True)
class Target:
    """A bound, and how near Retouch comes. ``at_most`` tells which side is good."""

    name: str
    value: float
    bound: float
    at_most: bool = True

    @property
    def holds(self) -> bool:
        """Tell whether the value is on the good side."""
        return self.value <= self.bound if self.at_most else self.value >= self.bound

    def __str__(self) -> str:
        bound = f"at {'most' if self.at_most else 'least'} {self.bound:,g}"
        return f"{'holds' if self.holds else 'MISSED':<6}  {self.name}: {self.value:,.2f} ({bound})"
