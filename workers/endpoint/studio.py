"""The work on one edit: read its image, let the engine make the pictures, take the service time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from enum import StrEnum

from retouch.edit import Parameters
from retouch.errors import ResultError
from workers.endpoint.engine import Engine, EngineError, EngineFullError, Progress, Rendered, RenderError
from workers.endpoint.jobs import BrokenError, FailedError, Job, NotTakenError
from workers.endpoint.latency import Latency
from workers.endpoint.picture import MAX_BYTES

Read = Callable[[str, int], Awaitable[bytes]]  # a URL and the most bytes to take; raises ResultError

LOADING_RETRY_S = 2.0  # what a caller is asked to wait while the engine loads, or is about to be started anew
LEAST_WAIT_S = 0.05  # before a full engine is asked again


class Health(StrEnum):
    """How the engine is."""

    LOADING = "loading"
    WARMING_UP = "warming up"
    READY = "ready"
    BROKEN = "broken"


class Studio:
    """Does the work on edits, many at once: reading on the event loop, rendering in the engine."""

    def __init__(self, read: Read, engine: Engine, latency: Latency, seed: int) -> None:
        self.health = Health.LOADING
        self._read = read
        self._engine = engine
        self._latency = latency
        self._chance = random.Random(seed)
        self._usable = asyncio.Event()
        self._broke = asyncio.Event()
        self._breakage = EngineError("")
        self._full_until = 0.0  # of the loop's clock

    async def start(self) -> None:
        """Load the engine and warm it up; raises EngineError."""
        try:
            await self._engine.load()
            self.health = Health.WARMING_UP
            await self._engine.warm_up()
        except BaseException:
            self.health = Health.BROKEN
            raise
        self.health = Health.READY
        self._usable.set()

    async def until_broken(self) -> None:
        """Wait for the engine to break, for ever if need be; raises EngineError."""
        engine = asyncio.create_task(self._engine.until_broken())
        broke = asyncio.create_task(self._broke.wait())
        try:
            await asyncio.wait([engine, broke], return_when=asyncio.FIRST_COMPLETED)
            if engine.done():
                engine.result()
        except EngineError as error:
            self._break(error)
        finally:
            engine.cancel()
            broke.cancel()
        raise self._breakage

    def refusal(self) -> NotTakenError | None:
        """Why no edit can be taken now; None if one can."""
        if self.health is not Health.READY:
            return NotTakenError(503, f"the engine is {self.health}", LOADING_RETRY_S)
        full_s = self._full_until - asyncio.get_running_loop().time()
        return NotTakenError(429, "the engine is full", full_s) if full_s > 0 else None

    async def work(self, job: Job) -> Rendered:
        """Return the edit's pictures; raises FailedError, also no sooner than the service time."""
        loop = asyncio.get_running_loop()
        ready_at = loop.time() + self._chance.uniform(self._latency.low_s, self._latency.high_s)
        outcome = await self._outcome(job)
        if (rest := ready_at - loop.time()) > 0:
            await asyncio.sleep(rest)  # in no "finally": a cancelled edit shall end at once
        if isinstance(outcome, FailedError):
            raise outcome
        return outcome

    async def _outcome(self, job: Job) -> Rendered | FailedError:
        try:
            if problems := self._engine.problems(job.parameters):  # it may have been taken by another engine
                return FailedError("; ".join(problems.values()))
            init = await self._read(job.submission.init_image, MAX_BYTES)
            return await self._render(job.parameters, init, job.tell_progress)
        except ResultError as error:
            return FailedError(f"init_image could not be downloaded: {error}")
        except RenderError as error:
            return FailedError(str(error))
        except EngineError as error:
            self._break(error)
            raise BrokenError(f"the engine broke: {error}") from error

    async def _render(self, params: Parameters, init: bytes, progress: Progress) -> Rendered:
        loop = asyncio.get_running_loop()
        while True:
            await self._usable.wait()  # an edit of before a restart may be asked for while the engine loads
            try:
                return await self._engine.render(params, init, progress)
            except EngineFullError as full:  # what was taken waits, and meanwhile nothing more is taken
                wait_s = max(full.retry_after_s, LEAST_WAIT_S)
                self._full_until = max(self._full_until, loop.time() + wait_s)
            await asyncio.sleep(wait_s)

    def _break(self, error: EngineError) -> None:
        if self.health is not Health.BROKEN:
            self.health, self._breakage = Health.BROKEN, error
            self._usable.clear()  # what waits is done by the process that takes this one's place
            self._broke.set()

    def close(self) -> None:
        """Let go of the engine."""
        self._engine.close()
