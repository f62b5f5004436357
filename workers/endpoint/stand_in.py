"""The stand-in for a model: plain filters of Pillow, quick and without a GPU."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from retouch.edit import Parameters
from workers.endpoint import picture
from workers.endpoint.engine import Progress, Rendered, seeds_of
from workers.endpoint.looks import choose

NAME = "retouch-stand-in"
VERSION = "1"
ABOUT = "Made by a stand-in with plain filters, not by a diffusion model."


class StandIn:
    """An engine that takes every model's name, and works on as many edits at once as the machine has cores."""

    name = NAME
    version = VERSION
    about = ABOUT
    facts: Mapping[str, str | bool | int] = {"device": "cpu", "dtype": "uint8", "version": VERSION, "exact": True}

    places = 16

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(os.cpu_count() or 2, thread_name_prefix="render")

    def problems(self, params: Parameters) -> Mapping[str, str]:  # noqa: ARG002 - an engine's signature
        """Nothing: what it has no use for, it ignores."""
        return {}

    async def load(self) -> None:
        """There is nothing to load."""

    async def warm_up(self) -> None:
        """The first picture is as quick as the others."""

    async def render(self, params: Parameters, init: bytes, progress: Progress) -> Rendered:  # noqa: ARG002 - no steps
        """Edit ``init`` in a thread; raises RenderError."""
        images = await asyncio.get_running_loop().run_in_executor(self._threads, draw, params, init)
        return Rendered(images, seeds_of(params))

    async def until_broken(self) -> None:
        """It has nothing that could."""
        await asyncio.Event().wait()

    def close(self) -> None:
        """Let go of the threads; edits that were not begun are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def draw(params: Parameters, init: bytes) -> list[bytes]:
    """Edit ``init`` with Pillow alone: one PNG a sample. The same parameters and image give the same bytes.

    The prompt chooses the look, ``strength`` its amount (0: only resized), the seed its arrangement. ``init`` is
    cropped about its centre to the shape asked for.
    """
    size = (params.width or picture.DEFAULT_SIDE, params.height or picture.DEFAULT_SIDE)
    image = picture.decode(init, size)
    strength = 0.8 if params.strength is None else params.strength
    look = choose(params.prompt)
    return [
        picture.encode(
            look.apply(image, strength, str(seed)),
            {"Software": f"{NAME} {VERSION}", "Comment": ABOUT, "Seed": str(seed)},
        )
        for seed in seeds_of(params)
    ]
