"""What is asked of the engine: images that differ in their parameters, or do not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

ROWS = 2  # of an image: with guidance, one without the prompt beside the one with it


@dataclass(frozen=True, slots=True)
class Kind:
    """The parameters that a server must find equal before it can run two images as one batch of a pipeline."""

    steps: int
    strength: float
    guidance: float
    scheduler: str

    @property
    def calls(self) -> int:
        """Calls of the UNet that an image needs; all these schedulers make one a step."""
        return int(self.steps * self.strength)


@dataclass(frozen=True, slots=True)
class Job:
    """One image; ``number`` is its seed too."""

    number: int
    kind: Kind


KINDS = [
    Kind(*parameters)
    for parameters in product(
        (15, 20, 30, 50),
        (0.3, 0.5, 0.8),
        (3.0, 5.0, 7.5),  # all above 1, so that an image is two rows, and images/s can be compared
        ("UniPCMultistepScheduler", "DDIMScheduler", "EulerDiscreteScheduler"),
    )
]
USUAL = Kind(30, 0.8, 7.5, "UniPCMultistepScheduler")  # what a caller asks for who changes little
UNIFORM = Kind(30, 0.5, 5.0, "UniPCMultistepScheduler")  # 15 calls, as the mean of all kinds is 15.25
SEED = 1


def jobs(count: int, kinds: int) -> list[Job]:
    """So many images of so many kinds, each drawn with the same chance; the same every time."""
    draw = random.Random(SEED)
    chosen = [UNIFORM] if kinds == 1 else draw.sample(KINDS, kinds)
    return [Job(number, draw.choice(chosen)) for number in range(count)]


def traffics(count: int) -> dict[str, Sequence[Job]]:
    """The two that are measured, by name."""
    return {"mixed": jobs(count, len(KINDS)), "uniform": jobs(count, 1)}
