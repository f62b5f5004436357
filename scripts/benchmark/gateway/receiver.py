"""A receiver of webhooks: ``/quick`` answers at once, ``/slow`` after some seconds, ``/counts`` tells how many came.

``python -m scripts.benchmark.gateway.receiver`` serves it on a free port, and prints its URL.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter

from aiohttp import web

from workers.serving import address_of, announce, listen
from workers.stack.ports import LOOPBACK

SLOW_S = 5.0


def create() -> web.Application:
    """The application."""
    counts: Counter[str] = Counter()

    async def quick(request: web.Request) -> web.Response:
        await request.read()
        counts["quick"] += 1
        return web.Response(status=204)

    async def slow(request: web.Request) -> web.Response:
        await request.read()
        counts["slow"] += 1
        await asyncio.sleep(SLOW_S)
        return web.Response(status=204)

    async def told(_: web.Request) -> web.Response:
        return web.json_response(counts)

    app = web.Application()
    app.add_routes([web.post("/quick", quick), web.post("/slow", slow), web.get("/counts", told)])
    return app


if __name__ == "__main__":
    sock = listen(LOOPBACK, 0)
    announce(json.dumps({"url": address_of(sock)}))
    web.run_app(create(), sock=sock, print=None, access_log=None)
