"""The interface of the image engine, and the stand-in that implements it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from retouch.edit import Parameters
from workers.endpoint import picture
from workers.endpoint.looks import choose

Render = Callable[[Parameters, bytes], list[bytes]]


@dataclass(frozen=True)
class Engine:
    """Makes the pictures of one edit.

    ``render(params, init)`` takes the parameters and the bytes of the image to edit, and returns one PNG a
    sample. It runs in a thread, several at once. Raises RenderError, whose message is shown to the caller.
    """

    name: str
    version: str
    about: str
    render: Render


def _render(params: Parameters, init: bytes) -> list[bytes]:
    """Edit ``init`` with Pillow alone. The same parameters and image give the same bytes.

    The prompt chooses the look, ``strength`` its amount (0: only resized), the seed its arrangement. Without
    a seed the prompt stands in for one. ``init`` is cropped about its centre to the shape asked for.
    """
    size = (params.width or picture.DEFAULT_SIDE, params.height or picture.DEFAULT_SIDE)
    image = picture.decode(init, size)
    strength = 0.8 if params.strength is None else params.strength
    look = choose(params.prompt)
    return [
        picture.encode(
            look.apply(image, strength, seed),
            {"Software": f"{STAND_IN.name} {STAND_IN.version}", "Comment": STAND_IN.about, "Seed": seed},
        )
        for seed in _seeds(params)
    ]


def _seeds(params: Parameters) -> list[str]:
    first = params.seed if params.seed is not None and params.seed >= 0 else None
    base = params.prompt if first is None else ""
    return [f"{base}{(first or 0) + sample}" for sample in range(params.samples or 1)]


STAND_IN = Engine(
    name="retouch-stand-in",
    version="1",
    about="Made by a stand-in with plain filters, not by a diffusion model.",
    render=_render,
)
