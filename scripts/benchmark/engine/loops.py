"""How a server is kept at work: as soon as an image is done, the next one is asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from scripts.benchmark.engine.traffic import ROWS, Job
from workers.endpoint.diffusion.batching import Batches, Model, Size, Ticket

W = TypeVar("W")
R = TypeVar("R")


def merged(jobs: Sequence[Job], in_flight: int, most: int) -> Iterator[list[Job]]:
    """The batches of a server that merges whole requests: the one that waits longest, and all waiting ones like it.

    ``in_flight`` images are asked for at a time, ``most`` fit into a batch. It does not wait for more to come.
    """
    coming = deque(jobs)
    waiting: list[Job] = []
    while coming or waiting:
        while coming and len(waiting) < in_flight:
            waiting.append(coming.popleft())
        batch = [job for job in waiting if job.kind == waiting[0].kind][:most]
        waiting = [job for job in waiting if job not in batch]
        yield batch


def by_steps(
    model: Model[W, Any, Any, R], works: Sequence[W], size: Size, in_flight: int, *, max_rows: int, exact: bool
) -> list[R]:
    """What our own batching makes of these, in their order, while ``in_flight`` are asked for at a time.

    Raises what the model says of an image that cannot be made.
    """
    batches: Batches[W, Any, Any, R] = Batches(model, max_rows=max_rows, max_waiting=in_flight, exact=exact)
    made: dict[int, R | Exception] = {}
    coming = iter(enumerate(works))

    def ask_for(count: int) -> None:
        batches.add([ticket(number, work) for number, work in islice(coming, count)])

    def ticket(number: int, work: W) -> Ticket[W, R]:
        def ended(outcome: R | Exception) -> None:
            made[number] = outcome
            ask_for(1)

        return Ticket(work, size, ROWS, ended)

    ask_for(in_flight)
    while batches.turn():
        pass
    return [_made(made[number]) for number in range(len(works))]


def _made(outcome: R | Exception) -> R:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
