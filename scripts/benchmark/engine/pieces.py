"""What the parts of an image cost: the UNet by rows, the VAE by images, and our own work beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

import torch

from scripts.benchmark.engine.figures import Pieces
from scripts.benchmark.engine.race import first_line, seconds
from scripts.benchmark.engine.sizes import Sizes
from scripts.benchmark.engine.subject import Subject
from scripts.benchmark.engine.traffic import ROWS, UNIFORM, Job, Kind
from workers.endpoint.diffusion.sampling import SCHEDULERS, Canvas, Sampler

EAGER, CHANNELS_LAST, COMPILED = "eager", "channels last", "compiled"
WARM_UPS = 3
STEPS = 30  # of a scheduler, whose mean is told


def measure(subject: Subject, sizes: Sizes, say: Callable[[str], None]) -> Pieces:
    """Measure all pieces; what does not fit into memory, or cannot be compiled, is named as missing."""
    pieces = Pieces()
    with torch.inference_mode():
        say("the UNet by rows")
        _unet(subject, sizes, pieces)
        say("the UNet compiled")
        _compiled(subject, sizes, pieces)
        say("the VAE by images")
        for images in sizes.decoded:
            _try(pieces, f"decode {images}", partial(_decode, subject, images, sizes, pieces))
    say("what is beside the UNet")
    _beside(subject, sizes, pieces)
    return pieces


def _try(pieces: Pieces, what: str, measure: Callable[[], None]) -> None:
    """RuntimeError is the class of a lack of memory, and of what the compiler cannot do."""
    try:
        measure()
    except RuntimeError as error:
        pieces.remarks[what] = first_line(error)


def _ms(subject: Subject, call: Callable[[], object], repeats: int) -> float:
    """The median of three stretches, so many calls each, after a warm-up."""

    def stretch() -> None:
        for _ in range(repeats):
            call()

    for _ in range(WARM_UPS):
        call()
    return 1000 * median(seconds(subject, stretch) for _ in range(3)) / repeats


def _unet(subject: Subject, sizes: Sizes, pieces: Pieces) -> None:
    unet = subject.parts.unet
    for variant, layout in ((EAGER, torch.contiguous_format), (CHANNELS_LAST, torch.channels_last)):
        torch.nn.Module.to(unet, memory_format=layout)
        for rows in sizes.unet_rows:
            _try(pieces, f"UNet {variant}, {rows} rows", partial(_call, subject, unet, variant, rows, sizes, pieces))
    torch.nn.Module.to(unet, memory_format=torch.contiguous_format)


def _compiled(subject: Subject, sizes: Sizes, pieces: Pieces) -> None:
    for rows in sizes.compiled_rows:
        compiled = subject.device.compiled(subject.parts.unet)
        _try(pieces, f"UNet {COMPILED}, {rows} rows", partial(_call, subject, compiled, COMPILED, rows, sizes, pieces))


def _call(subject: Subject, unet: Any, variant: str, rows: int, sizes: Sizes, pieces: Pieces) -> None:
    latents, times, embeddings = _given(subject, rows)
    call = partial(unet, latents, times, encoder_hidden_states=embeddings, return_dict=False)
    pieces.unet.setdefault(variant, {})[rows] = _ms(subject, call, sizes.repeats)


def _given(subject: Subject, rows: int) -> tuple[Any, Any, Any]:
    parts = subject.parts
    kind = {"device": parts.device, "dtype": parts.dtype}
    latents = torch.randn(rows, 4, subject.side // 8, subject.side // 8, **kind)
    times = torch.full((rows,), 500.0, device=parts.device)
    return latents, times, torch.randn(rows, 77, parts.unet.config.cross_attention_dim, **kind)


def _decode(subject: Subject, images: int, sizes: Sizes, pieces: Pieces) -> None:
    latents, _, _ = _given(subject, images)
    call = partial(subject.parts.vae.decode, latents, return_dict=False)
    pieces.decode[images] = _ms(subject, call, sizes.repeats)


def _beside(subject: Subject, sizes: Sizes, pieces: Pieces) -> None:
    """By the methods that batching calls, an image at a time."""
    sampler = Sampler(subject.parts)
    wish = subject.wish(Job(0, UNIFORM))
    pieces.beside["begin an image (encode it)"] = _ms(subject, lambda: sampler.begin(wish), sizes.repeats)
    canvas = sampler.begin(wish)
    pieces.beside["end an image (decode it)"] = _ms(subject, lambda: sampler.finish(canvas), sizes.repeats)
    rows = max(sizes.max_rows)
    states = [sampler.begin(subject.wish(Job(number, UNIFORM))) for number in range(rows // ROWS)]
    noise, _, _ = _given(subject, rows)
    idle = Sampler(replace(subject.parts, unet=lambda *_given, **_named: (noise,)))
    pieces.beside[f"put a call of {rows} rows together"] = _ms(subject, lambda: idle.predict(states, rows), 100)
    for scheduler in SCHEDULERS:
        pieces.beside[f"a step of {scheduler.removesuffix('Scheduler')}"] = _step(subject, sampler, scheduler)


def _step(subject: Subject, sampler: Sampler, scheduler: str) -> float:
    def canvas() -> Canvas:
        return sampler.begin(subject.wish(Job(0, Kind(STEPS, 1.0, 5.0, scheduler))))

    def steps(state: Canvas) -> None:
        while state.step < state.steps:
            sampler.advance(state, prediction)

    with torch.inference_mode():
        prediction = torch.cat([torch.randn_like(canvas().latents)] * ROWS)
    steps(canvas())
    states = [canvas() for _ in range(3)]
    return 1000 * median(seconds(subject, partial(steps, state)) / state.steps for state in states)
