"""Running the gateway: a socket, a line with its URL, and an end that lets requests end."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvicorn

from config import logging as logs
from config.gateway import GatewaySettings
from retouch.errors import InputError
from retouch.ledger import Ledger
from workers.gateway.app import create
from workers.gateway.context import Gateway
from workers.serving import Server, address_of, announce

GRACE_S = 10.0  # for requests under way when the end is asked for; then connections are cut
KEEP_ALIVE_S = 75  # longer than a proxy in front of it keeps a connection that nobody uses

log = structlog.get_logger()


@dataclass(frozen=True)
class Tls:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


async def serve(
    sock: socket.socket, settings: GatewaySettings, tls: Tls | None = None, *, die_with_parent: bool = False
) -> None:
    """Serve until SIGTERM or SIGINT, or the parent's end; prints one line of JSON once it is listening.

    Raises InputError if the certificate cannot be used.
    """
    logs.configure(settings.secrets)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    gateway = Gateway(settings, Ledger.from_url(settings.redis_url, namespace=settings.namespace))
    config = uvicorn.Config(
        create(gateway),
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(GRACE_S) + 1,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"--tls-cert and --tls-key cannot be used together: {error.strerror or error}") from None
    url = address_of(sock, "https" if tls else "http")

    def listening() -> None:
        log.info("gateway.started", url=url, redis=settings.redis.shown)
        announce(json.dumps({"url": url}))

    server = Server(config, on_listening=listening, on_stop=gateway.feed.close, grace_s=GRACE_S)
    watch = asyncio.create_task(server.watch_parent()) if die_with_parent else None
    try:
        await server.serve(sockets=[sock])
    finally:
        if watch:
            watch.cancel()
        gateway.queue.close()
        log.info("gateway.stopped")
