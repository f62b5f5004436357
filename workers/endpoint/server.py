"""Running the endpoint: a socket, a line with its URL, and a quick shutdown."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn

from retouch.errors import ServiceError
from retouch.media.fetch import Fetcher
from retouch.net.addresses import PrivateHosts
from workers.endpoint.app import BASE, Endpoint, Options, create
from workers.endpoint.engine import Engine

logger = logging.getLogger(__name__)

SWITCH_S = 0.0002
GRACE_S = 0.2  # for answers under way when the end is asked for; then connections are cut
_PARENT_POLL_S = 0.2


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 takes a free one. Raises ServiceError in one sentence."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, proto)
    except OSError as error:
        raise ServiceError(f"cannot listen on {host}: {error.strerror}") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise ServiceError(f"cannot listen on {host} port {port}: {error.strerror}") from None
    return sock


def address_of(sock: socket.socket) -> str:
    """Return the URL at which a bound socket is reached, without a path."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
    config = uvicorn.Config(
        endpoint.app(),
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, lambda: _announce(options.public_url))
    watch = asyncio.create_task(_watch_parent(server)) if die_with_parent else None
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


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End as uvicorn does, but cut what hangs: a handler that waits then sees its caller gone."""
        asyncio.get_running_loop().call_later(GRACE_S, self._cut_connections)
        await super().shutdown(sockets)

    def _cut_connections(self) -> None:
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take a signal as a wish to end, and end with 0: uvicorn would raise it again at the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        yield

    def stop(self) -> None:
        """End soon."""
        self.should_exit = True


async def _run_engine(endpoint: Endpoint, server: _Server) -> None:
    """Start the engine, and stop the server once the engine is broken; raises EngineError."""
    began = time.monotonic()
    try:
        await endpoint.start()
        logger.info("the engine is ready after %.1f s: %s", time.monotonic() - began, endpoint.engine)
        await endpoint.until_broken()
    finally:
        server.stop()


async def _watch_parent(server: _Server) -> None:
    """Stop once this process has another parent.

    Polled, because Linux's PR_SET_PDEATHSIG strikes when the parent's *thread* that started us ends.
    """
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel sets no event
        await asyncio.sleep(_PARENT_POLL_S)
    server.stop()


def _announce(address: str) -> None:
    with suppress(BrokenPipeError):  # nobody reads it
        sys.stdout.write(json.dumps({"url": address + BASE}) + "\n")
        sys.stdout.flush()
