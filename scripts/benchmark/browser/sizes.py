"""How much is measured: ``FULL`` for figures, ``QUICK`` to try whether the benchmark itself runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Edits, unless the name says otherwise. The defaults are a whole run's, some 10 minutes on two cores."""

    rounds: int = 10
    looked: int = 100_000  # in the batch that is opened, and that is worked on before one's eyes
    edits_per_s: int = 300
    stretch_s: float = 8.0  # with the page open, and as long without
    retried: int = 40_000
    batches: int = 1000  # when the metrics are read


FULL = Sizes()
QUICK = Sizes(rounds=1, looked=2000, edits_per_s=100, stretch_s=3.0, retried=1000, batches=20)
