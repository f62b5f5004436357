"""The engine: images from many edits at once, in batches by steps, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
from PIL import Image

from retouch.edit import Parameters
from retouch.nearest import nearest
from retouch.plural import count
from workers.endpoint import picture
from workers.endpoint.diffusion.batching import Batches, OutOfMemoryError, Ticket, first_line, reason_of
from workers.endpoint.diffusion.model import choose_device, choose_dtype, less_memory, load
from workers.endpoint.diffusion.sampling import DEFAULT_SCHEDULER, SCHEDULERS, Canvas, Made, Sampler, Wish
from workers.endpoint.engine import EngineError, Progress, Rendered, seeds_of

logger = logging.getLogger(__name__)

MODEL_IDS = ("sd1.5",)  # and the name of the file or folder that is loaded
WARM_UP_SIZE = (picture.DEFAULT_SIDE, picture.DEFAULT_SIDE)
CPU_WARM_UP_SIZE = (64, 64)  # there the usual size would take a minute, and prepare for nothing
PLACES = 16  # images at least that are decoded and ready: so that a call never waits for a picture
STOP_GRACE_S = 1.0
MAX_WAITING = 64  # images; the endpoint has a queue of its own before this one


@dataclass(frozen=True)
class Settings:
    """What to load, and how to run it. None: what fits the machine."""

    model: Path
    device: str | None = None
    dtype: str | None = None
    max_batch: int = 16  # rows of a call; an image with guidance takes two
    max_pixels: int = 1024 * 1024  # of an image
    fast: bool = False


class Diffusion:
    """A Stable Diffusion 1.5. Exact, it gives the same bytes whatever else is in work; ``fast`` may not."""

    name = "retouch-diffusion"
    version = torch.__version__
    about = "Made by a Stable Diffusion 1.5."

    def __init__(self, settings: Settings) -> None:
        """Raises EngineError where there is no such device."""
        self._settings = settings
        self._device = choose_device(settings.device)
        self._dtype = choose_dtype(settings.dtype, self._device)
        # On a CPU more rows gain nothing, and the fewest are diffusers' own: those of one image.
        self._rows = 1 if not settings.fast and self._device == "cpu" else settings.max_batch
        self.places = max(PLACES, 2 * self._rows)
        self.facts: Mapping[str, str | bool | int] = {
            "model": settings.model.name,
            "device": self._device_name(),
            "dtype": str(self._dtype).removeprefix("torch."),
            "version": f"torch {torch.__version__}, diffusers {diffusers.__version__}",
            "rows": self._rows,
            "exact": not settings.fast,
        }
        self._sampler: Sampler
        self._batches: Batches[Wish, Canvas, Any, Made] | None = None
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Future[None]

    def _device_name(self) -> str:
        """With all that its last bits depend on."""
        if self._device == "cpu":
            return f"cpu ({torch.backends.cpu.get_cpu_capability()}, {count(torch.get_num_threads(), 'thread')})"
        return torch.cuda.get_device_name(self._device) if self._device.startswith("cuda") else self._device

    def problems(self, params: Parameters) -> Mapping[str, str]:
        """Another model, a refiner, a scheduler that is not known, a size that is no multiple of 8."""
        found: dict[str, str] = {}
        loaded = [*MODEL_IDS, self._settings.model.name]
        if params.model_id not in loaded:
            found["model_id"] = (
                f"the model that is loaded is {self._settings.model.name}: ask for {' or '.join(loaded)}"
            )
        if params.refiner:
            found["refiner"] = "Stable Diffusion 1.5 has no refiner"
        if params.scheduler is not None and params.scheduler not in SCHEDULERS:
            meant = nearest(params.scheduler, SCHEDULERS)
            found["scheduler"] = (f"did you mean {meant}? " if meant else "") + f"there are {', '.join(SCHEDULERS)}"
        for side in ("width", "height"):
            if (getattr(params, side) or 8) % 8:
                found[side] = "must be a multiple of 8"
        width, height = _size_of(params)
        if width * height > self._settings.max_pixels:
            found["width"] = f"times height is {width * height}, and at most {self._settings.max_pixels} (--max-pixels)"
        return found

    async def load(self) -> None:
        """Read the model to its device."""
        await _apart(self._load)

    def _load(self) -> None:
        began = time.perf_counter()
        model, facts = self._settings.model, self.facts
        logger.info("loading %s to %s as %s, %s", model, facts["device"], facts["dtype"], facts["version"])
        self._sampler = Sampler(load(model, self._device, self._dtype), exact=not self._settings.fast)
        self._batches = self._new_batches()
        logger.info("%s is loaded after %.1f s", model.name, time.perf_counter() - began)

    def _new_batches(self) -> Batches[Wish, Canvas, Any, Made]:
        exact = not self._settings.fast
        return Batches(self._sampler, max_rows=self._rows, max_waiting=MAX_WAITING, exact=exact)

    async def warm_up(self) -> None:
        """Make a picture of the usual size, small on a CPU: how many rows fit into the memory is known then.

        Where images that share a call would not have the same bytes each time, each has calls of its own from then on.
        """
        await _apart(self._warm_up)
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(self._loaded(), loop), name="diffusion", daemon=True)
        self._thread.start()

    def _warm_up(self) -> None:
        logger.info("warming up")
        batches = self._loaded()
        size = CPU_WARM_UP_SIZE if self._device == "cpu" else WARM_UP_SIZE
        outcomes: list[Made | Exception] = []
        wish = Wish(Image.new("RGB", size), "", steps=1, strength=1.0)
        batches.add([Ticket(wish, size, wish.rows, outcomes.append)])
        try:
            while batches.turn():
                pass
            if not isinstance(outcomes[0], Exception):
                self._keep_exact(batches.limit(size), size)
        except Exception as error:  # such as a GPU that is too old for this torch
            raise EngineError(
                f"--model {self._settings.model}: {self._device} cannot run it: {first_line(error)}"
            ) from None
        if isinstance(outcomes[0], OutOfMemoryError):
            raise EngineError(
                f"--model {self._settings.model}: {self._device} has too little memory for a picture of"
                f" {size[0]} x {size[1]}: {less_memory(self._dtype)}"
            )
        if isinstance(outcomes[0], Exception):  # such as weights that are no numbers
            raise EngineError(f"--model {self._settings.model}: it makes no picture: {first_line(outcomes[0])}")

    def _keep_exact(self, rows: int, size: tuple[int, int]) -> None:
        if self._settings.fast or self._rows == 1 or self._sampler.steady(rows, size):
            return
        logger.warning(
            "on %s an image's last bits depend on its place in a call: to be exact, each has calls of its own from now"
            " on, which is slow; with --fast they share calls",
            self.facts["device"],
        )
        self._rows = 1
        self.facts = {**self.facts, "rows": self._rows}
        self._batches = self._new_batches()

    def _loaded(self) -> Batches[Wish, Canvas, Any, Made]:
        if self._batches is None:
            raise EngineError("the engine was not loaded")
        return self._batches

    def _run(self, batches: Batches[Wish, Canvas, Any, Made], loop: asyncio.AbstractEventLoop) -> None:
        try:
            batches.run()
        except Exception as error:
            logger.exception("the model broke")
            _call(loop, self._ended.set_exception, EngineError(reason_of(error)))

    async def until_broken(self) -> None:
        """Wait for the thread of the model to end by itself."""
        await asyncio.shield(self._ended)

    async def render(self, params: Parameters, init: bytes, progress: Progress) -> Rendered:
        """Make one image a sample, each an image of its own among all that are in work."""
        batches = self._loaded()
        size = _size_of(params)
        image = await asyncio.to_thread(picture.decode, init, size)
        wishes = [self._wish(params, image, seed) for seed in seeds_of(params)]
        asked = time.perf_counter()
        made = await _all_made(batches, wishes, progress)
        began = time.perf_counter()
        images = [await asyncio.to_thread(self._png, wish, one) for wish, one in zip(wishes, made, strict=True)]
        logger.info("made %d of %d x %d in %.1f s", len(made), *size, time.perf_counter() - asked)
        checked = [bool(one.filtered) for one in made if one.filtered is not None]
        timings = {phase: sum(one.timings.get(phase, 0.0) for one in made) for phase in ("encode", "steps", "decode")}
        return Rendered(
            images,
            [wish.seed for wish in wishes],
            checked if len(checked) == len(made) else None,
            timings | {"png": time.perf_counter() - began},
        )

    @staticmethod
    def _wish(params: Parameters, image: Image.Image, seed: int) -> Wish:
        return Wish(
            image=image,
            prompt=params.prompt,
            negative_prompt=params.negative_prompt or "",
            steps=params.num_inference_steps or 20,
            strength=0.8 if params.strength is None else params.strength,
            guidance=7.5 if params.guidance_scale is None else params.guidance_scale,
            scheduler=params.scheduler or DEFAULT_SCHEDULER,
            seed=seed,
            check=params.safety_checker is not False,
        )

    def _png(self, wish: Wish, made: Made) -> bytes:
        return picture.encode(made.image, {"Software": f"{self.name} {self.version}", "Seed": str(wish.seed)})

    def close(self) -> None:
        """Drop what is in work. A step that takes long goes on, in a daemon thread."""
        if self._batches is not None:
            self._batches.close()
        if self._thread is not None:
            self._thread.join(STOP_GRACE_S)


async def _all_made(batches: Batches[Wish, Canvas, Any, Made], wishes: list[Wish], progress: Progress) -> list[Made]:
    """Wait for all of an edit's images; where one fails, or nobody waits any more, the others are dropped."""
    loop = asyncio.get_running_loop()
    futures: list[asyncio.Future[Made]] = [loop.create_future() for _ in wishes]
    done = [(0, wish.planned) for wish in wishes]

    def ticket(number: int) -> Ticket[Wish, Made]:
        def settle(outcome: Made | Exception) -> None:
            future = futures[number]
            if future.done():
                return
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

        def tell(step: int, steps: int) -> None:
            done[number] = (step, steps)
            progress(sum(one for one, _ in done), sum(total for _, total in done))

        wish = wishes[number]
        return Ticket(
            wish,
            wish.image.size,
            wish.rows,
            lambda outcome: _call(loop, settle, outcome),
            lambda step, steps: _call(loop, tell, step, steps),
        )

    tickets = [ticket(number) for number in range(len(wishes))]
    batches.add(tickets)
    progress(0, sum(wish.planned for wish in wishes))
    try:
        return await asyncio.gather(*futures)
    finally:
        batches.cancel(tickets)
        for future in futures:
            future.cancel()


def _size_of(params: Parameters) -> tuple[int, int]:
    return params.width or picture.DEFAULT_SIDE, params.height or picture.DEFAULT_SIDE


async def _apart(function: Callable[[], None]) -> None:
    """Call it in a daemon thread, which the end of the process does not wait for: weights may come from a slow disk."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def work() -> None:
        error: BaseException | None = None
        try:
            function()
        except BaseException as raised:
            error = raised
        _call(loop, settle, error)

    threading.Thread(target=work, name="loading", daemon=True).start()
    await done


def _call(loop: asyncio.AbstractEventLoop, function: Any, *given: Any) -> None:
    """Call it on the loop, if that still runs."""
    try:
        loop.call_soon_threadsafe(function, *given)
    except RuntimeError:
        logger.debug("the loop has ended")
