"""TLS in front of a server that has none, with a certificate of an authority of its own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme

from tests.harness.waiting import LIMIT_S
from workers.stack.ports import LOOPBACK

PIECE = 64 * 1024


class TlsFront:
    """Forwards to ``target`` (host:port) what comes over TLS. A context manager.

    ``host`` is where clients connect to, ``received`` how many bytes they sent within TLS, ``authority`` the file of
    who signed its certificate.
    """

    def __init__(self, target: str, folder: Path) -> None:
        host, _, port = target.rpartition(":")
        self._target = host, int(port)
        signer = trustme.CA()
        self.authority = folder / "authority.pem"
        signer.cert_pem.write_to_path(str(self.authority))
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        signer.issue_cert(LOOPBACK).configure_cert(self._tls)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: list[asyncio.StreamWriter] = []
        self.received = 0
        self.host = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self.host = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(LIMIT_S)
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(LIMIT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT_S)
        self._loop.close()

    async def _listen(self) -> str:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0, ssl=self._tls)
        return f"{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"

    async def _close(self) -> None:
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._target)
        self._open += [writer, there_writer]
        await asyncio.gather(self._pump(reader, there_writer, count=True), self._pump(there_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, count: bool = False) -> None:
        try:
            while piece := await reader.read(PIECE):
                self.received += len(piece) if count else 0
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
