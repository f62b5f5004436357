"""The work on one edit: read its image, let the engine make the pictures, take the service time."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from retouch.errors import ResultError
from workers.endpoint.engine import Engine
from workers.endpoint.jobs import FailedError
from workers.endpoint.latency import Latency
from workers.endpoint.picture import MAX_BYTES, RenderError
from workers.endpoint.submission import Submission

Read = Callable[[str, int], Awaitable[bytes]]  # a URL and the most bytes to take; raises ResultError


class Studio:
    """Does the work on edits, many at once: reading on the event loop, rendering in threads."""

    def __init__(self, read: Read, engine: Engine, latency: Latency, seed: int) -> None:
        self._read = read
        self._engine = engine
        self._latency = latency
        self._chance = random.Random(seed)
        self._threads = ThreadPoolExecutor(os.cpu_count() or 2, thread_name_prefix="render")

    async def work(self, submission: Submission) -> list[bytes]:
        """Return the edit's pictures as PNG; raises FailedError, also no sooner than the service time."""
        loop = asyncio.get_running_loop()
        ready_at = loop.time() + self._chance.uniform(self._latency.low_s, self._latency.high_s)
        outcome = await self._outcome(submission)
        if (rest := ready_at - loop.time()) > 0:
            await asyncio.sleep(rest)  # in no "finally": a cancelled edit shall end at once
        if isinstance(outcome, FailedError):
            raise outcome
        return outcome

    async def _outcome(self, submission: Submission) -> list[bytes] | FailedError:
        loop = asyncio.get_running_loop()
        try:
            init = await self._read(submission.init_image, MAX_BYTES)
            return await loop.run_in_executor(self._threads, self._engine.render, submission, init)
        except ResultError as error:
            return FailedError(f"init_image could not be downloaded: {error}")
        except RenderError as error:
            return FailedError(str(error))

    def close(self) -> None:
        """Let go of the threads; edits that were not begun are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)
