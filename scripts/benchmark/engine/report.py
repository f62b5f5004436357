"""The outcome of a run, the aims, and the same as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from scripts.benchmark.engine.counting import Counted
from scripts.benchmark.engine.figures import Cell, Cells, Pieces, Same, Served
from scripts.benchmark.engine.ways import LOOP
from scripts.benchmark.targets import Target

LEAST_OF_LOOP = 3.0  # times the images/s of diffusers' own loop, mixed traffic
LEAST_OF_UNIFORM = 0.9  # times the steps/s of uniform traffic
MOST_OVERHEAD = 0.05  # of what the engine alone takes for the same images
LEAST_BUSY = 0.95  # of the time, while edits wait


@dataclass(frozen=True, slots=True)
class Aim:
    """What the engine shall reach on a GPU; without a value it was not measured."""

    name: str
    bound: float
    at_most: bool
    value: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether it is; None: not measured."""
        return None if self.value is None else Target(self.name, self.value, self.bound, self.at_most).holds

    def __str__(self) -> str:
        word = {True: "met", False: "NOT MET", None: "not measured"}[self.met]
        value = "" if self.value is None else f": {self.value:,.2f}"
        return f"{word:<12}  {self.name}{value} (at {'most' if self.at_most else 'least'} {self.bound:g})"


@dataclass(slots=True)
class Report:
    """All that was measured; what was not asked for is missing. ``judged``: a whole model on a GPU, so the aims count.

    ``remarks``: why a part has no figures, or not the ones that it should have.
    """

    machine: dict[str, str]
    settings: dict[str, str]
    judged: bool
    counted: list[Counted] = field(default_factory=list)
    race: dict[str, Cells] = field(default_factory=dict)
    pieces: Pieces | None = None
    same: list[Same] = field(default_factory=list)
    served: Served | None = None
    remarks: dict[str, str] = field(default_factory=dict)

    def aims(self) -> list[Aim]:
        """All of them, measured or not."""
        way, load = self.best()
        of_loop = of_uniform = overhead = busy = None
        if self.judged and way:
            mixed = self.race["mixed"][way][load]
            if loop := self._cell("mixed", LOOP, load):
                of_loop = mixed.images_per_s / loop.images_per_s
            if uniform := self._cell("uniform", way, load):
                of_uniform = mixed.steps_per_s / uniform.steps_per_s
        if self.judged and self.served:
            overhead, busy = self.served.overhead, self.served.busy
        how = f" ({way}, {load} in flight)" if way else ""
        return [
            Aim(f"images/s, mixed traffic{how} / {LOOP}", LEAST_OF_LOOP, at_most=False, value=of_loop),
            Aim(f"steps/s, mixed / uniform traffic{how}", LEAST_OF_UNIFORM, at_most=False, value=of_uniform),
            Aim("what the endpoint adds to an image, of the engine alone", MOST_OVERHEAD, at_most=True, value=overhead),
            Aim("GPU busy while edits wait", LEAST_BUSY, at_most=False, value=busy),
        ]

    def best(self) -> tuple[str, int]:
        """Of our exact ways the quickest with mixed traffic, and the most images in flight; nothing if not measured."""
        mixed = self.race.get("mixed", {})
        load = max((load for cells in mixed.values() for load in cells), default=0)
        exact = [way for way, of_way in mixed.items() if "exact" in way and load in of_way]
        return max(exact, key=lambda way: mixed[way][load].images_per_s, default=""), load

    def _cell(self, traffic: str, way: str, load: int) -> Cell | None:
        return self.race.get(traffic, {}).get(way, {}).get(load)

    def to_json(self) -> dict[str, Any]:
        """All of it for programs, the aims included."""
        found = asdict(self)
        for traffic, cells in self.race.items():
            for way, of_way in cells.items():
                for load, cell in of_way.items():
                    found["race"][traffic][way][load]["images_per_s"] = cell.images_per_s
        if self.served:
            found["served"] |= {"overhead": self.served.overhead, "overhead_ms": self.served.overhead_ms}
        return found | {"aims": [asdict(aim) | {"met": aim.met} for aim in self.aims()]}
