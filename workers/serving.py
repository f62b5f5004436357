"""What HTTP servers of ours have in common: a socket of their own, a line when they listen, and an end by a signal."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from retouch.errors import ServiceError

# Longer than clients, and proxies in front, keep a connection that nobody uses: a POST on one that is just being closed
# is not answered, and nobody knows whether it was taken.
KEEP_ALIVE_S = 75

# Of uvicorn, for all servers: they log and start by themselves, and believe no header about who calls.
OPTIONS: Mapping[str, Any] = {
    "lifespan": "off",
    "log_config": None,
    "access_log": False,
    "proxy_headers": False,
    "server_header": False,
    "timeout_keep_alive": KEEP_ALIVE_S,
}

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


def address_of(sock: socket.socket, scheme: str = "http") -> str:
    """Return the URL at which a bound socket is reached, without a path."""
    host, port = sock.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class Server(uvicorn.Server):
    """Serves until SIGTERM or SIGINT, and ends then with 0: uvicorn would raise the signal again.

    ``on_listening`` is called once it takes connections, ``on_stop`` when its end is asked for. ``grace_s`` later
    connections that are open still are cut: a handler that waits sees its caller gone.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_listening: Callable[[], None],
        on_stop: Callable[[], None] = lambda: None,
        grace_s: float,
    ) -> None:
        super().__init__(config)
        self._on_listening = on_listening
        self._on_stop = on_stop
        self._grace_s = grace_s

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End as uvicorn does, but cut what hangs."""
        asyncio.get_running_loop().call_later(self._grace_s, self._cut_connections)
        await super().shutdown(sockets)

    def _cut_connections(self) -> None:
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take a signal as a wish to end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        yield

    def stop(self) -> None:
        """End soon."""
        self.should_exit = True
        self._on_stop()

    async def watch_parent(self) -> None:
        """Stop once this process has another parent.

        Polled, because Linux's PR_SET_PDEATHSIG strikes when the parent's *thread* that started us ends.
        """
        parent = os.getppid()
        while os.getppid() == parent:  # noqa: ASYNC110 - the kernel sets no event
            await asyncio.sleep(_PARENT_POLL_S)
        self.stop()


def announce(line: str) -> None:
    """Print a line on stdout for whoever waits until the server listens."""
    with suppress(BrokenPipeError):  # nobody reads it
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
