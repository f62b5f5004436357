"""A server on loopback that does what a test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LIMIT = 1000


class Host:
    """A server on loopback whose one handler is set by the test; it keeps what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.handler: Handler = self.says(body=b"image")
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.server = TestServer(app)

    def says(self, status: int = 200, body: bytes = b"", **headers: str) -> Handler:
        async def handler(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

        return handler

    def url(self, path: str = "/a.png?secret=1") -> str:
        return str(self.server.make_url("/")).rstrip("/") + path

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self.handler(request)


@asynccontextmanager
async def running() -> AsyncIterator[Host]:
    host = Host()
    await host.server.start_server()
    try:
        yield host
    finally:
        await host.server.close()
