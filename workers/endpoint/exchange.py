"""One request on its way to an answer, and the ways to end it without one."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from workers.endpoint.jobs import Job
from workers.endpoint.record import Record

_TRANSPORT = "retouch.transport"


class TransportAccess:
    """Hands each request its connection, which ASGI itself never shows, so that a fault can cut it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on. uvicorn's ``send`` is a method of the object that holds the transport."""
        scope[_TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)
        await self._app(scope, receive, send)


class Exchange:
    """One request: what is known of it so far, and the answer as it stands.

    Faults may change ``code`` and ``body``, or give a response of their own.
    """

    def __init__(self, request: Request, kind: str, record: Record) -> None:
        self.request = request
        self.kind = kind
        self.prompt = ""
        self.marker: Any = None
        self.job: Job | None = None
        self.is_new = False
        self.code = 200
        self.body: dict[str, Any] = {}
        self.data = b""
        self._record = record
        self._noted = False
        self._arrived = time.time()

    @property
    def key(self) -> str | None:
        """The Idempotency-Key that was sent."""
        return self.request.headers.get("idempotency-key") or None

    def belongs_to(self, job: Job) -> None:
        """Say which edit this request is about."""
        self.job = job
        self.prompt, self.marker = job.submission.prompt, job.submission.marker

    def note(self, status: int | None, served: bytes | None = None, retry_after: str | None = None) -> None:
        """Write the record's entry, once; ``status`` is None where no answer is given, ``served`` a picture.

        ``retry_after`` is the header of that name.
        """
        if self._noted:
            return
        self._noted = True
        self._record.add(
            self.kind,
            method=self.request.method,
            path=self.request.scope["path"],
            idempotency_key=self.key,
            prompt=self.prompt,
            marker=self.marker,
            id=self.job.id if self.job else None,
            new=self.is_new,
            status=status,
            retry_after=retry_after,
            api_key="api-key" in self.request.headers,
            arrived=self._arrived,
            agent=self.request.headers.get("user-agent"),
            sha256=hashlib.sha256(served).hexdigest() if served else None,
        )

    def answer(self) -> Response:
        """Return the answer as it stands."""
        return JSONResponse(self.body, self.code)

    async def until_gone(self) -> None:
        """Wait until the caller has hung up (or this server ends, which cuts every connection)."""
        await until_gone(self.request.receive)

    async def wait(self, event: asyncio.Event, timeout_s: float | None = None) -> None:
        """Wait for ``event``, for the caller to hang up, or for ``timeout_s`` seconds, whichever is first."""
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self.until_gone())]
        try:
            await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


class Dropped(Response):
    """No answer at all: the connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        """Cut the connection."""
        await _cut(scope, receive, lambda transport: transport.abort())


class CutShort(Response):
    """An answer whose body ends before the length that its header promised."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head and half of the body, then close."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await _cut(scope, receive, lambda transport: transport.close())  # close, not abort: the half shall arrive


async def until_gone(receive: Receive) -> None:
    """Read on until the caller has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut(scope: Scope, receive: Receive, how: Callable[[asyncio.Transport], None]) -> None:
    transport = scope.get(_TRANSPORT)
    if transport is None:
        raise ConnectionAbortedError("the connection was cut by a fault")  # no server underneath: a test's transport
    how(transport)
    await until_gone(receive)  # else uvicorn takes the missing answer for a crash and sends a 500
