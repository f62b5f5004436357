"""The ways in which the same images are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LOOP = "diffusers, one by one"
MERGED = "diffusers, equal requests merged"


@dataclass(frozen=True, slots=True)
class Ours:
    """Our own batching with these settings."""

    max_rows: int  # of a call
    exact: bool  # all calls have that many

    @property
    def name(self) -> str:
        """As tables show it."""
        if self.max_rows == 1:
            return "Retouch, one image a call"
        return f"Retouch, {'exact' if self.exact else 'fast'}, {self.max_rows} rows"


ONE_A_CALL = Ours(1, exact=True)


def ours(max_rows: Sequence[int], *, on_gpu: bool) -> list[Ours]:
    """The settings that are measured: exact for each number of rows, and fast with the most.

    On a CPU also one image a call, which is what the endpoint does there.
    """
    padded = [Ours(rows, exact=True) for rows in max_rows]
    return [*([] if on_gpu else [ONE_A_CALL]), *padded, Ours(max(max_rows), exact=False)]
