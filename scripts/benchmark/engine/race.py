"""The same images by diffusers' pipeline and by our batching, round by round in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import diffusers
import torch
from PIL import Image

from scripts.benchmark.engine.figures import Cell, Cells
from scripts.benchmark.engine.loops import by_steps, merged
from scripts.benchmark.engine.report import Report
from scripts.benchmark.engine.sizes import Sizes
from scripts.benchmark.engine.subject import Calls, Subject
from scripts.benchmark.engine.traffic import ROWS, Job, traffics
from scripts.benchmark.engine.ways import LOOP, MERGED, ONE_A_CALL, Ours, ours
from tests.harness.pipeline import img2img
from workers.endpoint.diffusion.sampling import Sampler, Wish
from workers.endpoint.engine import RenderError

Say = Callable[[str], None]
LACKS = (RuntimeError, RenderError)  # the classes of a lack of memory: torch's, and our engine's


@dataclass(frozen=True, slots=True)
class _Run:
    way: str
    in_flight: int
    make: Callable[[], object]
    rows: int = ROWS  # that one of its calls has at least

    @property
    def name(self) -> str:
        return f"{self.way}, {self.in_flight} in flight"

    def remark(self, counted: Calls) -> str:
        """Why its figures are not what they should be; empty: they are."""
        if counted.again:
            return f"{counted.again} calls were made again in float32, so that it is slower than with learned weights"
        if counted.most < self.rows:
            return f"memory was too small for {self.rows} rows: its calls had {counted.most} at most"
        return ""


def race(subject: Subject, sizes: Sizes, report: Report, say: Say) -> None:
    """Measure all ways with all traffics; what cannot be made, as memory is too small, is named in the report."""
    for traffic, jobs in traffics(sizes.images).items():
        for run in _runs(subject, jobs[:1], sizes):  # to warm up
            run.make()
        runs = _runs(subject, jobs, sizes)
        cells = report.race.setdefault(traffic, {})
        # Round by round, so that what disturbs the machine for a while disturbs all ways alike.
        for number in range(1, sizes.rounds + 1):
            for run in list(runs):
                say(f"round {number} of {sizes.rounds}, {traffic}: {run.name}")
                try:
                    remark = _measure(subject, run, jobs, cells)
                except LACKS as error:
                    remark = first_line(error)
                    runs.remove(run)
                if remark:
                    report.remarks[f"{traffic}: {run.name}"] = remark
        _repeat_what_is_the_same(cells, sizes.in_flight)


def _runs(subject: Subject, jobs: Sequence[Job], sizes: Sizes) -> list[_Run]:
    pipeline = Pipeline(subject)
    wishes = [subject.wish(job) for job in jobs]
    most = max(sizes.max_rows) // ROWS

    def loop() -> None:
        for wish in wishes:
            pipeline.make([wish])

    def equal_ones(in_flight: int) -> None:
        for batch in merged(jobs, in_flight, most):
            pipeline.make([wishes[job.number] for job in batch])

    def in_steps(way: Ours, in_flight: int) -> None:
        sampler = Sampler(subject.parts, exact=way.exact)  # a new one, that knows no prompt yet
        by_steps(sampler, wishes, subject.size, in_flight, max_rows=way.max_rows, exact=way.exact)

    runs = [_Run(LOOP, 1, loop)]
    runs += [_Run(MERGED, in_flight, partial(equal_ones, in_flight)) for in_flight in sizes.in_flight if in_flight > 1]
    for way in ours(sizes.max_rows, on_gpu=subject.device.is_gpu):
        loads = sizes.in_flight if way.max_rows > 1 else [1]
        rows = way.max_rows if way.exact else ROWS
        runs += [_Run(way.name, in_flight, partial(in_steps, way, in_flight), rows) for in_flight in loads]
    return runs


def _measure(subject: Subject, run: _Run, jobs: Sequence[Job], cells: Cells) -> str:
    """Measure it once, and return what there is to remark."""
    subject.device.forget_peak()
    with subject.counted() as counted:
        taken_s = seconds(subject, run.make)
    steps = sum(job.kind.calls for job in jobs)
    cell = cells.setdefault(run.way, {}).setdefault(run.in_flight, Cell(len(jobs), steps))
    cell.calls, cell.rows, cell.peak_gib = counted.calls, counted.rows, subject.device.peak_gib()
    cell.seconds.append(taken_s)
    return run.remark(counted)


def seconds(subject: Subject, make: Callable[[], object]) -> float:
    """How long it takes, until the device is done, by the device's own clock."""
    subject.device.wait()
    began = subject.device.now_s()
    make()
    subject.device.wait()
    return subject.device.now_s() - began


def first_line(error: Exception) -> str:
    """What an error says, in a line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _repeat_what_is_the_same(cells: Cells, loads: Sequence[int]) -> None:
    """One image after the other is the same however many wait, and so are batches while one waits."""
    if LOOP in cells:
        cells.setdefault(MERGED, {}).setdefault(1, cells[LOOP][1])
    for way, of_way in cells.items():
        if way in (LOOP, ONE_A_CALL.name):
            of_way.update(dict.fromkeys(loads, of_way[1]))


class Pipeline:
    """Diffusers' own, as its users call it."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._pipeline = img2img(subject.parts)

    def make(self, wishes: Sequence[Wish]) -> list[Image.Image]:
        """Make one batch of images that differ in picture, prompt and seed alone."""
        first = wishes[0]
        self._pipeline.scheduler = getattr(diffusers, first.scheduler).from_config(self._subject.parts.scheduler)
        made: list[Image.Image] = self._pipeline(
            prompt=[wish.prompt for wish in wishes],
            negative_prompt=[wish.negative_prompt for wish in wishes],
            image=[wish.image for wish in wishes],
            strength=first.strength,
            num_inference_steps=first.steps,
            guidance_scale=first.guidance,
            generator=[torch.Generator("cpu").manual_seed(wish.seed) for wish in wishes],
        ).images
        return made
