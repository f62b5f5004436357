"""How much is measured, by where: on a GPU, on a CPU, or only to try whether the benchmark runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Images, unless the name says otherwise. The defaults are for a GPU."""

    images: int = 16
    rounds: int = 3
    in_flight: tuple[int, ...] = (1, 4, 16)
    max_rows: tuple[int, ...] = (16,)  # of a call; the first is the endpoint's default
    unet_rows: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    compiled_rows: tuple[int, ...] = (2, 16)  # each is compiled anew, which takes a minute
    decoded: tuple[int, ...] = (1, 4, 16)
    repeats: int = 10  # of one call
    mates: int = 8
    edits: int = 48  # through the endpoint
    at_the_endpoint: int = 16  # in work at once; the others wait
    counted: int = 512


GPU = Sizes()
CPU = Sizes(images=20, in_flight=(1, 4, 8, 16), mates=12, edits=64, unet_rows=(1, 2, 8, 16, 32), compiled_rows=(2,))
QUICK = Sizes(
    images=2,
    rounds=1,
    in_flight=(1, 2),
    max_rows=(4,),
    unet_rows=(1, 4),
    compiled_rows=(2,),
    decoded=(1, 2),
    repeats=1,
    mates=2,
    edits=4,
    at_the_endpoint=2,
    counted=32,
)
