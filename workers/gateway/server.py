"""Running the gateway: a socket, a line with its URL, and an end that lets requests end."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from config import logging as logs
from config.gateway import GatewaySettings
from retouch.errors import InputError
from retouch.ledger import Ledger
from retouch.triggers.recipe import Recipe
from workers.gateway.app import create
from workers.gateway.context import Gateway
from workers.gateway.visits import Visits
from workers.serving import OPTIONS, Server, address_of, announce

GRACE_S = 10.0  # for requests under way when the end is asked for; then connections are cut
HEAD_S = 30.0  # for the head of a request, from the connection or from the head's first bytes on

log = structlog.get_logger()


@dataclass(frozen=True)
class Tls:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


class ImpatientProtocol(H11Protocol):
    """Closes a connection on which the head of a request does not come in time: for that nobody needs a key.

    After an answer it is the same for what is left of the request's body.
    """

    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Expect a request."""
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Take data; when a head is whole, the handler is the one who waits."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._expect_head()
        else:
            self._expect_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing."""
        self._expect_no_more()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self._end is None:
            self._end = self.loop.call_later(HEAD_S, self.transport.close)

    def _expect_no_more(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None


def configured(app: ASGIApp, tls: Tls | None = None, **more: Any) -> uvicorn.Config:
    """How uvicorn is to serve the gateway."""
    options: dict[str, Any] = {
        **OPTIONS,
        "http": ImpatientProtocol,
        "timeout_graceful_shutdown": int(GRACE_S) + 1,
        "ssl_certfile": tls.certificate if tls else None,
        "ssl_keyfile": tls.key if tls else None,
    }
    return uvicorn.Config(app, **options | more)


async def serve(
    sock: socket.socket,
    settings: GatewaySettings,
    tls: Tls | None = None,
    *,
    recipes: Sequence[Recipe] = (),
    own_visits: Visits | None = None,
    on_listening: Callable[[str], None] = lambda url: announce(json.dumps({"url": url})),
    die_with_parent: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT, or the parent's end; prints one line of JSON once it is listening.

    ``own_visits``: of a page that runs alone. ``on_listening`` prints something else, of the URL. Raises InputError if
    the certificate cannot be used.
    """
    # Of a page that runs alone the terminal is its person's.
    logs.configure(settings.secrets, level=logging.WARNING if own_visits else logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    gateway = Gateway(settings, Ledger.from_url(settings.redis_url, namespace=settings.namespace), recipes, own_visits)
    config = configured(create(gateway), tls)
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"--tls-cert and --tls-key cannot be used together: {error.strerror or error}") from None
    url = address_of(sock, "https" if tls else "http")

    def listening() -> None:
        names = [recipe.name for recipe in recipes]
        log.info("gateway.started", url=url, redis=settings.redis.shown, recipes=names)
        on_listening(url)
        gateway.runner.wake()

    server = Server(config, on_listening=listening, on_stop=gateway.end_streams, grace_s=GRACE_S)
    watch = asyncio.create_task(server.watch_parent()) if die_with_parent else None
    try:
        await server.serve(sockets=[sock])
    finally:
        if watch:
            watch.cancel()
        gateway.queue.close()
        log.info("gateway.stopped")
