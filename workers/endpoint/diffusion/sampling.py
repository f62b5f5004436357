"""The work on one image, in the parts that batching asks for. What it computes is diffusers' own img2img pipeline."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import diffusers
import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image

from workers.endpoint.diffusion.batching import OutOfMemoryError, first_line
from workers.endpoint.diffusion.model import Parts
from workers.endpoint.diffusion.precision import Precision, is_finite
from workers.endpoint.diffusion.prompts import Prompts
from workers.endpoint.engine import RenderError

DEFAULT_SCHEDULER = "UniPCMultistepScheduler"
SCHEDULERS = (
    DEFAULT_SCHEDULER,
    "DDIMScheduler",
    "DDPMScheduler",
    "DEISMultistepScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler",
    "HeunDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "PNDMScheduler",
)
_NO_MEMORY = re.compile(
    r"out of memory|can't allocate memory|not enough memory|bad_alloc|could not create a primitive|ALLOC_FAILED"
    r"|unable to find an engine|invalid buffer size",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class Wish:
    """One image to be made of another, which has the size that is wanted (multiples of 8)."""

    image: Image.Image
    prompt: str
    negative_prompt: str = ""
    steps: int = 20
    strength: float = 0.8
    guidance: float = 7.5
    scheduler: str = DEFAULT_SCHEDULER
    seed: int = 0
    check: bool = True  # by the model's safety checker, where it has one

    @property
    def planned(self) -> int:
        """How many of its steps change the image; 0: it is only resized."""
        return min(int(self.steps * self.strength), self.steps)

    @property
    def rows(self) -> int:
        """How many rows of a call it takes: with guidance, one without the prompt beside the one with it."""
        return 2 if self.guidance > 1 else 1


@dataclass(frozen=True)
class Made:
    """An image, whether the checker blackened it (None: nobody checked), and seconds by phase."""

    image: Image.Image
    filtered: bool | None
    timings: dict[str, float]


@dataclass(eq=False)
class Canvas:
    """How far one image is."""

    wish: Wish
    scheduler: Any
    times: Any
    generator: Any
    latents: Any = None  # on the CPU, as all that is the scheduler's: a GPU would be asked for each of its tiny sums
    embeddings: list[Any] = field(default_factory=list)  # a row each
    step: int = 0
    began: float = 0.0  # of the first step
    encode_s: float = 0.0

    @property
    def steps(self) -> int:
        """How many calls it needs; a scheduler of second order needs nearly two a step."""
        return len(self.times)


class Sampler:
    """The model of batching: all of its calls come from one thread."""

    def __init__(self, parts: Parts, *, exact: bool = True) -> None:
        """``exact``: an image's bits do not depend on its place in a call, as they do with cuDNN's convolutions."""
        self._parts = parts
        self._exact = exact
        self._precision = Precision(parts.device, parts.dtype)
        self._prompts = Prompts(parts.text, self._precision)
        self._pixels = VaeImageProcessor(vae_scale_factor=8)

    def begin(self, work: Wish) -> Canvas:
        """Lay out the steps, and encode prompt and image. Steps x strength below one: there is nothing to do."""
        with torch.inference_mode(), _memory():
            return self._begin(work, self._parts.dtype)

    def _begin(self, wish: Wish, dtype: Any) -> Canvas:
        began = time.perf_counter()
        with _scheduling(wish):
            # PNDM's own first steps are none that an image could begin in the middle of.
            config = {**self._parts.scheduler, "skip_prk_steps": True}
            scheduler = getattr(diffusers, wish.scheduler).from_config(config)
            scheduler.set_timesteps(wish.steps, device="cpu")
        first = (wish.steps - wish.planned) * scheduler.order
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(first)
        generator = torch.Generator("cpu").manual_seed(wish.seed)
        canvas = Canvas(wish, scheduler, scheduler.timesteps[first:] if wish.planned else [], generator)
        if not canvas.steps:
            return canvas
        texts = [wish.negative_prompt, wish.prompt] if wish.rows == 2 else [wish.prompt]
        canvas.embeddings = [self._prompts.embedding(text) for text in texts]
        latents = self._encoded(wish.image, generator).to("cpu", dtype)
        noise = torch.randn(latents.shape, generator=generator, dtype=dtype)
        with _scheduling(wish):
            canvas.latents = scheduler.add_noise(latents, noise, canvas.times[:1])
        canvas.began = time.perf_counter()
        canvas.encode_s = canvas.began - began
        return canvas

    def _encoded(self, image: Image.Image, generator: Any) -> Any:
        vae, state = self._parts.vae, generator.get_state()
        pixels = self._pixels.preprocess(image)

        def encode(dtype: Any) -> Any:
            generator.set_state(state)
            posterior = vae.encode(pixels.to(self._parts.device, dtype)).latent_dist
            return vae.config.scaling_factor * posterior.sample(generator)

        return self._precision.finite(vae, encode)

    def predict(self, states: Sequence[Canvas], rows: int) -> list[Any]:
        """Ask the UNet once, with each image's own time; what fills the call up is the first row again."""
        latents, times, embeddings = [], [], []
        with torch.inference_mode(), _memory(), torch.backends.cudnn.flags(enabled=not self._exact):
            for canvas in states:
                now = canvas.times[canvas.step]
                latents += [canvas.scheduler.scale_model_input(canvas.latents, now)] * canvas.wish.rows
                times += [now.float()] * canvas.wish.rows
                embeddings += canvas.embeddings
            used = len(latents)
            for filled in (latents, times, embeddings):
                filled += filled[:1] * (rows - used)
            dtype = latents[0].dtype
            noise = self._parts.unet(
                torch.cat(latents).to(self._parts.device),
                torch.stack(times).to(self._parts.device),
                encoder_hidden_states=torch.cat(embeddings).to(dtype),
                return_dict=False,
            )[0]
        return list(noise[:used].cpu().split([canvas.wish.rows for canvas in states]))

    def advance(self, state: Canvas, prediction: Any) -> None:
        """Weigh the prompt, and let the scheduler take the step."""
        with torch.inference_mode(), _memory():
            noise = prediction
            if state.wish.rows == 2:
                without, told = prediction.chunk(2)
                noise = without + state.wish.guidance * (told - without)
            step = state.scheduler.step
            drawing = {"generator": state.generator} if "generator" in inspect.signature(step).parameters else {}
            now = state.times[state.step]
            with _scheduling(state.wish):
                state.latents = step(noise, now, state.latents, **drawing, return_dict=False)[0]
            state.step += 1

    def steady(self, rows: int, size: tuple[int, int]) -> bool:
        """Whether the model says the same to the bit to an image alone, at every place of a call, and beside others.

        A device's libraries choose how they compute, and for some of their ways that does not hold.
        """
        one, other = [
            self.begin(Wish(Image.new("RGB", size, colour), colour, steps=2, strength=1.0))
            for colour in ("teal", "orange")
        ]
        images = max(1, rows // one.wish.rows)
        [alone] = self.predict([one], rows)
        told = [*self.predict([one] * images, rows), self.predict([other] * (images - 1) + [one], rows)[-1]]
        return all(torch.allclose(alone, each, rtol=0, atol=0, equal_nan=True) for each in told)

    def finish(self, state: Canvas) -> Made:
        """Decode the image and have it checked; raises RenderError ``nan`` if float32 does not help either."""
        if not state.steps:
            return self._made(state.wish, state.wish.image, {})
        with torch.inference_mode(), _memory():
            began = time.perf_counter()
            if not is_finite(state.latents):
                state = self._again(state.wish)
            vae = self._parts.vae
            latents = state.latents.to(self._parts.device) / vae.config.scaling_factor
            decoded = self._precision.finite(vae, lambda dtype: vae.decode(latents.to(dtype), return_dict=False)[0])
            image = self._image(decoded)
            decode_s = time.perf_counter() - began
        timings = {"encode": state.encode_s, "steps": began - state.began, "decode": decode_s}
        return self._made(state.wish, image, timings)

    def _image(self, decoded: Any) -> Image.Image:
        """The first image of these numbers; they become bytes where they are: half as much then travels."""
        [shares] = self._pixels.postprocess(decoded[:1], output_type="pt")
        levels = (shares.float() * 255).round().to(torch.uint8)
        return Image.fromarray(levels.permute(1, 2, 0).cpu().numpy())

    def _made(self, wish: Wish, image: Image.Image, timings: dict[str, float]) -> Made:
        filtered = self._checked(wish, image)
        return Made(Image.new("RGB", image.size) if filtered else image, filtered, timings)

    def _again(self, wish: Wish) -> Canvas:
        """All steps in float32, alone; the others wait meanwhile."""
        with self._precision.in_float32(self._parts.unet):
            canvas = self._begin(wish, torch.float32)
            while canvas.step < canvas.steps:
                [prediction] = self.predict([canvas], wish.rows)
                self.advance(canvas, prediction)
        if not is_finite(canvas.latents):
            raise RenderError("nan")
        return canvas

    def _checked(self, wish: Wish, image: Image.Image) -> bool | None:
        checker = self._parts.checker
        if checker is None or not wish.check:
            return None
        seen = self._parts.extractor([image], return_tensors="pt").pixel_values
        seen = seen.to(self._parts.device, self._parts.dtype)
        with torch.inference_mode(), _memory():
            _images, [found] = checker(images=[torch.zeros(1)], clip_input=seen)
        return bool(found)


@contextmanager
def _scheduling(wish: Wish) -> Iterator[None]:
    """A scheduler that the model's configuration does not suit is this image's own trouble, and no broken model."""
    try:
        yield
    except (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, TypeError, ValueError) as error:
        raise _unsuited(wish, error) from None
    except NotImplementedError as error:  # any other RuntimeError may be the device's
        raise _unsuited(wish, error) from None


def _unsuited(wish: Wish, error: Exception) -> RenderError:
    return RenderError(f"{wish.scheduler} does not work with this model's scheduler_config.json: {first_line(error)}")


@contextmanager
def _memory() -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # CUDA has a class for it; others, and its own libraries, have words.
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or _NO_MEMORY.search(str(error)):
            raise OutOfMemoryError("the device has too little memory for an image of this size") from None
        raise
