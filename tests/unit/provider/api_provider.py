"""The API as a test scripts it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

KEY = "key-c0ffee/+42"
EDIT = {"prompt": "a fox", "strength": 0.5}


class Provider:
    """The API as the test scripts it; it keeps what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.reply: Callable[[], web.StreamResponse] = web.Response
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.server = TestServer(app)
        self.fault = "none"
        self.arrived, self.done = asyncio.Event(), asyncio.Event()

    def says(self, reply: Any, status: int = 200, **headers: str) -> None:
        body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.reply = lambda: web.Response(status=status, body=body, headers=named)

    @property
    def url(self) -> str:
        return str(self.server.make_url("/v1"))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self.bodies.append(await request.read())
        self.arrived.set()
        assert request.transport
        if self.fault == "drop":
            request.transport.abort()
        elif self.fault == "hang":
            await self.done.wait()
        elif self.fault == "cut":
            response = web.StreamResponse(headers={"Content-Length": "100"})
            await response.prepare(request)
            await response.write(b'{"status": "PEND')
            request.transport.close()
            return response
        return self.reply()
