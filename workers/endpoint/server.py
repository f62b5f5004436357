"""Running the endpoint: a socket, a line with its URL, and a quick shutdown."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
import time
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp

from retouch.media.fetch import Fetcher
from retouch.net.addresses import PrivateHosts
from workers.endpoint.app import BASE, Endpoint, Options, create
from workers.endpoint.engine import Engine
from workers.serving import OPTIONS, Server, address_of, announce, listen

__all__ = ["address_of", "listen", "serve"]

logger = logging.getLogger(__name__)

SWITCH_S = 0.0002
GRACE_S = 0.2  # for answers under way when the end is asked for; then connections are cut


def configured(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn is to serve the endpoint."""
    return uvicorn.Config(app, timeout_graceful_shutdown=1, **OPTIONS)


async def serve(
    sock: socket.socket, options: Options, private_hosts: PrivateHosts, engine: Engine, *, die_with_parent: bool = False
) -> None:
    """Serve until SIGTERM or SIGINT, or the parent's end; prints one line of JSON once it is listening.

    Raises EngineError if the engine does not start, or breaks.
    """
    # Rendering threads hold the interpreter for so long: with Python's 5 ms requests are heard half a second late.
    sys.setswitchinterval(SWITCH_S)
    fetcher = Fetcher(private_hosts)
    endpoint = create(options, fetcher.read, engine)
    config = configured(endpoint.app())
    address = json.dumps({"url": options.public_url + BASE})
    server = Server(config, on_listening=lambda: announce(address), grace_s=GRACE_S)
    watch = asyncio.create_task(server.watch_parent()) if die_with_parent else None
    engine_task = asyncio.create_task(_run_engine(endpoint, server))
    try:
        await server.serve(sockets=[sock])
    finally:
        if watch:
            watch.cancel()
        engine_task.cancel()
        endpoint.close()
        await fetcher.close()
    with suppress(asyncio.CancelledError):
        await engine_task


async def _run_engine(endpoint: Endpoint, server: Server) -> None:
    """Start the engine, and stop the server once the engine is broken; raises EngineError."""
    began = time.monotonic()
    try:
        await endpoint.start()
        logger.info("the engine is ready after %.1f s: %s", time.monotonic() - began, endpoint.engine)
        await endpoint.until_broken()
    finally:
        server.stop()
