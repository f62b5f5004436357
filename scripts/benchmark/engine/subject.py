"""The model that is measured, of random numbers (they cost the same as learned ones), and what it is asked to make."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from PIL import Image

from retouch.errors import ServiceError
from scripts.benchmark.engine.device import Device
from scripts.benchmark.engine.traffic import Job
from tests.harness import tiny_sd
from workers.endpoint.diffusion import checkpoint
from workers.endpoint.diffusion.model import DTYPES, Parts
from workers.endpoint.diffusion.sampling import Wish


class Model(StrEnum):
    """What ``--model`` takes."""

    TINY = "tiny"
    FULL = "full"


SIDES = {Model.TINY: 64, Model.FULL: 512}  # pixels
SHAPES = {
    Model.TINY: (tiny_sd.UNET, tiny_sd.VAE, tiny_sd.TEXT),
    Model.FULL: (checkpoint.UNET, checkpoint.VAE, checkpoint.TEXT),
}


@dataclass(slots=True)
class Calls:
    """Calls of the UNet, their rows, and the most rows of one.

    ``again``: calls of UNet or VAE in float32, since the model's own type of numbers could not hold a result.
    """

    calls: int = 0
    rows: int = 0
    most: int = 0
    again: int = 0


@dataclass(frozen=True)
class Subject:
    """A model on a device, and the side of its images in pixels."""

    parts: Parts
    device: Device
    side: int

    @classmethod
    def make(cls, model: Model, device: Device, dtype: str) -> Subject:
        """Make it of random numbers; nothing is read or fetched. Raises ServiceError if memory is too small for it."""
        try:
            parts = tiny_sd.random_parts(*SHAPES[model], device.name, DTYPES[dtype])
        except torch.OutOfMemoryError:
            raise ServiceError(f"{device.name} has too little memory for --model {model}") from None
        return cls(parts, device, SIDES[model])

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.side, self.side

    def wish(self, job: Job) -> Wish:
        """What our sampler is asked for; each image has a picture, a prompt and a seed of its own."""
        kind = job.kind
        return Wish(
            image=self.picture(job),
            prompt=f"picture {job.number}",
            negative_prompt="blurry",
            steps=kind.steps,
            strength=kind.strength,
            guidance=kind.guidance,
            scheduler=kind.scheduler,
            seed=job.number,
        )

    def picture(self, job: Job) -> Image.Image:
        """Noise, larger than a pixel."""
        noise = random.Random(job.number).randbytes(192)
        return Image.frombytes("RGB", (8, 8), noise).resize(self.size, Image.Resampling.BILINEAR)

    @contextmanager
    def counted(self) -> Iterator[Calls]:
        """Count the calls within the block; one that fails is none."""
        calls = Calls()

        def note(_module: object, given: tuple[Any, ...], _made: object) -> None:
            rows = len(given[0])
            calls.calls += 1
            calls.rows += rows
            calls.most = max(calls.most, rows)

        def note_type(_module: object, given: tuple[Any, ...], _made: object) -> None:
            calls.again += given[0].dtype != self.parts.dtype

        modules = (self.parts.unet, self.parts.vae.encoder, self.parts.vae.decoder)
        hooks = [self.parts.unet.register_forward_hook(note)]
        hooks += [module.register_forward_hook(note_type) for module in modules]
        try:
            yield calls
        finally:
            for hook in hooks:
                hook.remove()
