"""How much is measured: ``FULL`` for figures, ``QUICK`` to try whether the benchmark itself runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Edits, unless the name says otherwise. The defaults are a whole run's, some 15 minutes on two cores."""

    rounds: int = 3
    posts: tuple[int, ...] = (10_000, 100_000)  # edits in one request
    broken: int = 1_000_000  # lines of a request of which some are wrong
    small_s: int = 20  # of small requests
    small_per_s: int = 200
    hooks: int = 10_000  # events
    edits: int = 6000  # beside sinks
    clients: int = 200  # each waits for the end of one batch
    per_batch: int = 30  # in the mean
    edits_per_s: int = 300


FULL = Sizes()
QUICK = Sizes(
    rounds=1,
    posts=(200, 1000),
    broken=3000,
    small_s=2,
    small_per_s=20,
    hooks=300,
    edits=300,
    clients=10,
    per_batch=10,
    edits_per_s=100,
)
