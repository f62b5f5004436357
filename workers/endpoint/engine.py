"""The seam to the image engine: what the endpoint asks of one, and what it may answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from retouch.edit import Parameters
from retouch.errors import RetouchError

SEEDS = 2**32  # a seed is 0..SEEDS-1; larger ones wrap

Progress = Callable[[int, int], None]  # the step that is done, of how many; called on the event loop


class RenderError(Exception):
    """This edit cannot be made; the message is shown to the caller."""


class EngineFullError(Exception):
    """The engine takes no more for now; nothing was begun. Ask again after ``retry_after_s`` seconds."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"the engine is full for {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


class EngineStoppedError(Exception):
    """The engine has ended before it began this edit, or was told to end: who takes its place can do the edit."""


class EngineError(RetouchError):
    """The engine cannot start, or is broken for good: the process ends. The message is one sentence."""


@dataclass(frozen=True)
class Rendered:
    """The pictures of one edit, one a sample, as PNG.

    ``seeds``: of each picture, 0..2^32-1. ``filtered``: which of them the model's own safety checker has blackened;
    None: nobody checked. ``timings``: seconds by phase, such as ``queued``, ``encode``, ``steps``, ``decode``, ``png``.
    """

    images: list[bytes]
    seeds: list[int]
    filtered: list[bool] | None = None
    timings: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ValueError where an engine tells of more pictures than it gives, or of fewer."""
        lengths = {len(self.images), len(self.seeds), *([] if self.filtered is None else [len(self.filtered)])}
        if len(lengths) > 1:
            raise ValueError("images, seeds and filtered differ in length")


class Engine(Protocol):
    """Makes the pictures of edits, many at once: how many meet in it is its own affair.

    ``facts`` (``device``, ``dtype``, ``version``, ``exact``) are told in each answer as ``engine``. They are read
    once the engine is ready; before, ``/healthz`` tells what there is of them.
    """

    name: str
    version: str
    about: str
    facts: Mapping[str, str | bool | int]
    places: int  # images that it wants to have at once, unless the operator says something else

    def problems(self, params: Parameters) -> Mapping[str, str]:
        """What the engine cannot do of this: a sentence a field, such as another ``model_id`` than its own.

        It is told to the caller as a 422. Called at any time, also before ``load``: what it needs is known by then.
        """
        ...

    async def load(self) -> None:
        """Read the model, off the event loop. Raises EngineError."""
        ...

    async def warm_up(self) -> None:
        """Make a first picture: edits shall not wait for what only the first one needs, nor be what finds a fault.

        Called after ``load``. Raises EngineError.
        """
        ...

    async def render(self, params: Parameters, init: bytes, progress: Progress) -> Rendered:
        """Edit the picture ``init``; ``params.seed`` is always set, 0..2^32-1, and sample n has that + n.

        Called only between ``warm_up`` and ``close``. Raises RenderError about this edit, EngineFullError,
        EngineError where the engine broke over it or beside it, and EngineStoppedError where it was not begun, or the
        engine was closed: every call that is held is to raise one of these.
        """
        ...

    async def until_broken(self) -> None:
        """Wait for the engine to break, for ever if need be; raises EngineError. Called after ``warm_up``."""
        ...

    def close(self) -> None:
        """Let go of threads and memory; what was not begun is dropped. Also called where ``load`` has failed."""
        ...


def seeds_of(params: Parameters) -> list[int]:
    """The seed of each sample."""
    return [((params.seed or 0) + sample) % SEEDS for sample in range(params.samples or 1)]
