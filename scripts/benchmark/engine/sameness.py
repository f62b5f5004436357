"""Whether an image has the same bytes alone and beside other mates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from scripts.benchmark.engine.device import Device
from scripts.benchmark.engine.figures import Same
from scripts.benchmark.engine.loops import by_steps
from scripts.benchmark.engine.sizes import Sizes
from scripts.benchmark.engine.subject import Model, Subject
from scripts.benchmark.engine.traffic import KINDS, jobs
from scripts.benchmark.engine.ways import ours
from workers.endpoint.diffusion.sampling import Sampler


def compare(model: Model, device: Device, sizes: Sizes, say: Callable[[str], None]) -> list[Same]:
    """Make mixed images alone, and then all at once in another order, for each way and type of numbers."""
    found: list[Same] = []
    for dtype in device.dtypes():
        of_dtype = Subject.make(model, device, dtype)
        for way in ours(sizes.max_rows, on_gpu=device.is_gpu):
            say(f"bytes in {dtype}: {way.name}")
            images = partial(_images, of_dtype, max_rows=way.max_rows, exact=way.exact)
            numbers = range(sizes.mates)
            alone = {number: images([number])[0] for number in numbers}
            together = dict(zip(reversed(numbers), images(list(reversed(numbers))), strict=True))
            same = sum(alone[number] == together[number] for number in numbers)
            found.append(Same(way.name, dtype, same, sizes.mates))
    return found


def _images(subject: Subject, numbers: Sequence[int], *, max_rows: int, exact: bool) -> list[bytes]:
    wanted = jobs(max(numbers) + 1, len(KINDS))
    wishes = [subject.wish(wanted[number]) for number in numbers]
    sampler = Sampler(subject.parts, exact=exact)
    made = by_steps(sampler, wishes, subject.size, len(wishes), max_rows=max_rows, exact=exact)
    return [one.image.tobytes() for one in made]
