"""Calls of the UNet without a model: how batching by requests and by steps fare with few and with many kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.benchmark.engine.loops import by_steps, merged
from scripts.benchmark.engine.traffic import KINDS, ROWS, Job, jobs

KINDS_COUNTED = (1, 4, 12, len(KINDS))


@dataclass(frozen=True, slots=True)
class Counted:
    """Calls of the UNet for the same images of so many kinds."""

    kinds: int
    loop: int
    merged: int
    by_steps: int


@dataclass(slots=True)
class _State:
    steps: int
    step: int = 0


class Counter:
    """A model for our batching that computes nothing; ``calls`` are the rows of each call."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def begin(self, work: Job) -> _State:
        """Begin an image."""
        return _State(work.kind.calls)

    def predict(self, states: Sequence[_State], rows: int) -> list[None]:
        """Take the call down."""
        self.calls.append(rows)
        return [None] * len(states)

    def advance(self, state: _State, prediction: None) -> None:  # noqa: ARG002 - there is none
        """Take a step."""
        state.step += 1

    def finish(self, state: _State) -> None:
        """End an image."""


def count(images: int, in_flight: int, max_rows: int) -> list[Counted]:
    """Calls by the number of kinds; no call has more than ``max_rows`` rows."""
    return [_count(jobs(images, kinds), kinds, in_flight, max_rows) for kinds in KINDS_COUNTED]


def _count(wanted: Sequence[Job], kinds: int, in_flight: int, max_rows: int) -> Counted:
    counter = Counter()
    by_steps(counter, wanted, (64, 64), in_flight, max_rows=max_rows, exact=True)
    return Counted(
        kinds,
        loop=sum(job.kind.calls for job in wanted),
        merged=sum(batch[0].kind.calls for batch in merged(wanted, in_flight, max_rows // ROWS)),
        by_steps=len(counter.calls),
    )
