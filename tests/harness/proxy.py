"""A TCP proxy that can cut, stall and refuse, and that reads along for what must not pass."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from enum import Enum
from types import TracebackType
from typing import Any, Self

from tests.harness.waiting import LIMIT_S
from workers.stack.ports import LOOPBACK

PIECE = 64 * 1024


class Mode(Enum):
    """What becomes of connections."""

    PASS = "both ways"
    STALL = "accepted, and nothing is forwarded, ever: half open"
    REFUSE = "closed at once"
    FAIL = "each request is answered with 503"
    SLOW = "each piece a second late"


class Proxy:
    """Forwards to ``target`` (host:port), as its mode says, in a thread. ``host`` is where clients connect to.

    It has its port from the beginning, and listens as a context manager: before that, connections are refused.
    """

    def __init__(self, target: str, watch_for: tuple[bytes, ...] = ()) -> None:
        host, _, port = target.rpartition(":")
        self._target = host, int(port)
        self._watch_for = watch_for
        self.leaks: list[str] = []
        self._mode = Mode.PASS
        self._aim: Callable[[bytes], bool] | None = None
        self.hits = 0  # how often connections were cut because of what was on the wire
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._socket = socket.socket()
        self._socket.bind((LOOPBACK, 0))
        self.host = f"{LOOPBACK}:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT_S)
        self._loop.close()

    def become(self, mode: Mode) -> None:
        """Treat connections so from now on, open ones too; those that were ever stalled stay dead."""
        self._mode = mode
        if mode is Mode.REFUSE:
            self.cut()

    def cut(self) -> None:
        """Close every open connection."""
        self._run(self._cut())

    def aim(self, at: Callable[[bytes], bool]) -> None:
        """Cut every open connection, once, when a client sends what this function knows; that piece is lost."""
        self._aim = at

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT_S)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._socket)

    async def _close(self) -> None:
        self._server.close()
        await self._cut()
        while self._pumps:
            await asyncio.wait(self._pumps)

    async def _cut(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()
        for pump in self._pumps:
            pump.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self._mode is Mode.REFUSE:
                return
            if self._mode is Mode.FAIL:
                await _unavailable(reader, writer)
                return
            await self._join(reader, writer)
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        self._open.add(back)
        pumps = {asyncio.create_task(self._pump(reader, back)), asyncio.create_task(self._pump(there, writer))}
        self._pumps |= pumps
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(back)
            for pump in pumps:
                pump.cancel()
            await asyncio.wait(pumps)
            self._pumps -= pumps
            back.close()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        last = b""
        while piece := await source.read(PIECE):
            self._look(last + piece)
            last = piece[-256:]
            if self._mode is Mode.STALL:
                await asyncio.Event().wait()
            if self._mode is Mode.SLOW:
                await asyncio.sleep(1)
            if self._aim and self._aim(piece):
                self._aim, self.hits = None, self.hits + 1
                await self._cut()
                return
            if self._mode is Mode.FAIL:
                return  # a kept-alive connection: the next one is answered
            target.write(piece)
            await target.drain()

    def _look(self, data: bytes) -> None:
        self.leaks += [
            f"{secret[:4].decode()}… passed to {self._target}" for secret in self._watch_for if secret in data
        ]


async def _unavailable(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(PIECE)
    body = b"<Error><Code>ServiceUnavailable</Code></Error>"
    head = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()
