"""What is measured, as plain figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median


@dataclass(slots=True)
class Cell:
    """The images of one traffic, made in one way, with so many in flight. ``rows``: of all calls, padding included."""

    images: int
    steps: int  # of all images together
    calls: int = 0
    rows: int = 0
    peak_gib: float | None = None  # most memory of the device, the model included; None where it is not told
    seconds: list[float] = field(default_factory=list)  # of each round

    @property
    def images_per_s(self) -> float:
        """Images a second, in the median round."""
        return self.images / median(self.seconds)

    @property
    def steps_per_s(self) -> float:
        """Steps of images a second, in the median round: traffics of other steps can be compared by it."""
        return self.steps / median(self.seconds)


Cells = dict[str, dict[int, Cell]]  # by way, by images in flight


@dataclass(frozen=True, slots=True)
class Same:
    """How many images had the same bytes alone and beside others."""

    way: str
    dtype: str
    same: int
    of: int


@dataclass(slots=True)
class Pieces:
    """Milliseconds. ``remarks``: why something was not measured."""

    unet: dict[str, dict[int, float]] = field(default_factory=dict)  # by variant, by rows
    decode: dict[int, float] = field(default_factory=dict)  # by images
    beside: dict[str, float] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Served:
    """Seconds of each round for the same images. ``busy``: the GPU's share while many wait; None: not told.

    ``usual``: images/s of usual edits through the endpoint, by how many are asked for at a time.
    """

    images: int
    in_flight: int
    endpoint: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    busy: float | None = None
    usual: dict[int, float] = field(default_factory=dict)

    @property
    def overhead(self) -> float:
        """What the endpoint adds, as a part of what the engine alone takes."""
        return median(self.endpoint) / median(self.alone) - 1

    @property
    def images_per_s(self) -> float:
        """Images a second through the endpoint, all of them asked for at once."""
        return self.images / median(self.endpoint)

    @property
    def overhead_ms(self) -> float:
        """The same for one image."""
        return 1000 * (median(self.endpoint) - median(self.alone)) / self.images
