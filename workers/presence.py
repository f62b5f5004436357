"""Heartbeats: they show in the ledger and to the health check that this worker is alive."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Mapping
from importlib.metadata import version

import structlog

from retouch.ledger import Heartbeat, Named, Worker
from workers import health
from workers.context import Context

log = structlog.get_logger()

EVERY_S = 2.0
VERSION = version("retouch")


class Presence:
    """Sends the heartbeats of this process."""

    def __init__(
        self,
        name: str,
        sinks: Mapping[str, Named],
        alike: Mapping[str, str],
        others: Mapping[str, str],
        ledger: Worker,
        context: Context,
    ) -> None:
        """``alike``: the settings that all workers must have alike; ``others``: those that may differ."""
        self._name = name
        self._sinks = sinks
        self._alike, self._others = alike, others
        self._ledger = ledger
        self._context = context

    async def run(self, upgraded: asyncio.Event) -> None:
        """Send a heartbeat every two seconds until cancelled; the one for the health check does not wait for Redis.

        ``upgraded``: the ledger is one that this worker may write to.
        """
        await asyncio.gather(self._show_here(), self._show_in_ledger(upgraded))

    async def _show_here(self) -> None:
        while True:
            health.beat()
            await asyncio.sleep(EVERY_S)

    async def _show_in_ledger(self, upgraded: asyncio.Event) -> None:
        await upgraded.wait()
        started = True
        while True:
            see, says = self._ledger.see_worker, self._says()
            await self._context.call(see, self._name, self._sinks, self._alike, started=started, says=says)
            started = False
            await asyncio.sleep(EVERY_S)

    def _says(self) -> Heartbeat:
        steps, took = len(self._context.leases), self._context.stopwatch.take()
        return Heartbeat(secrets.token_hex(4), socket.gethostname(), VERSION, steps, took, self._others)

    async def leave(self) -> None:
        """Remove the worker at once; best effort, because a worker without heartbeats is removed anyway."""
        health.end()
        try:
            await asyncio.wait_for(asyncio.to_thread(self._ledger.forget_worker, self._name), 2)
        except Exception as error:
            log.debug("presence.not_removed", reason=str(error))
