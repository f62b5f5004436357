"""The bare gateway: the lines of a body go into a list of Redis, a page at a time; nobody looks at them.

``python -m scripts.benchmark.gateway.bare REDIS_URL`` serves it on a free port. What Retouch's costs above it is the
price of a batch that is checked, and accepted whole or not at all.
"""

from __future__ import annotations

import asyncio
import json
import sys
from http import HTTPStatus

import redis.asyncio
import uvicorn
from fastapi import FastAPI, Request, Response

from retouch.ledger import PAGE
from workers.serving import Server, address_of, announce, listen
from workers.stack.ports import LOOPBACK


def create(client: redis.asyncio.Redis) -> FastAPI:
    """The application."""
    app = FastAPI()

    @app.get("/healthz")
    async def healthz() -> Response:
        return Response(b"{}")

    @app.post("/v1/batches")
    async def submit(request: Request) -> Response:
        taken, rest = 0, b""
        page: list[bytes] = []
        async for chunk in request.stream():
            *lines, rest = (rest + chunk).split(b"\n")
            page += lines
            if len(page) >= PAGE:
                taken += len(page)
                await client.rpush("bare", *page)
                page = []
        page += [rest] if rest else []
        if page:
            await client.rpush("bare", *page)
        return Response(json.dumps({"accepted": taken + len(page)}), HTTPStatus.CREATED)

    return app


async def serve(redis_url: str) -> None:
    """Serve until the process is ended; prints a line with the URL."""
    sock = listen(LOOPBACK, 0)
    config = uvicorn.Config(create(redis.asyncio.Redis.from_url(redis_url)), lifespan="off", log_level="warning")
    url = address_of(sock)
    await Server(config, on_listening=lambda: announce(json.dumps({"url": url})), grace_s=1.0).serve(sockets=[sock])


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
