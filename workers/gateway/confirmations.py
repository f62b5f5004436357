"""Whether what was written is on the disk of Redis: asked once for all requests that wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from workers.gateway.threads import Threads


class Confirmations:
    """Asks for whoever waits, one question at a time: a server may take a second for it (``appendfsync everysec``).

    ``ask`` blocks, and tells whether all that was written before is on disk.
    """

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask = ask
        self._thread = Threads(1)
        self._asking: asyncio.Task[bool] | None = None
        self._next: asyncio.Task[bool] | None = None

    async def confirmed(self) -> bool:
        """Whether all that was written before this call is on disk; raises what ``ask`` raises."""
        if self._next is None:  # the question that is under way may have been asked before the write
            self._next = asyncio.create_task(self._ask_after(self._asking))
        return await asyncio.shield(self._next)  # of which others wait too

    async def _ask_after(self, asking: asyncio.Task[bool] | None) -> bool:
        if asking is not None:
            await asyncio.wait([asking])
        self._asking, self._next = self._next, None
        return await self._thread.run(self._ask)
