"""A server that speaks Redis' protocol and answers every command alike: with an error, or never."""

from __future__ import annotations

import socketserver
import threading
from contextlib import suppress

import hiredis

from workers.stack.ports import LOOPBACK

HANDSHAKE = {
    b"HELLO": b"%1\r\n$5\r\nproto\r\n:3\r\n",
    b"CLIENT": b"+OK\r\n",
    b"SELECT": b"+OK\r\n",
    b"AUTH": b"+OK\r\n",
}


class RedisThatRefuses:
    """A context manager. ``words``: the answer to every command, without its minus; empty: it is silent.

    ``greets``: that is said when a client connects, and the connection closed. ``refused``: commands of the handshake
    that are answered so too; with ``only`` no others are.
    """

    def __init__(
        self, words: str, *, greets: bool = False, refused: tuple[bytes, ...] = (), only: bool = False
    ) -> None:
        self.words = words
        self._greets = greets
        self._refused = refused
        self._usual = b"+OK\r\n" if only else None
        self.connections = 0  # that were begun
        refuses = self

        class Exchange(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    refuses._serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server((LOOPBACK, 0), Exchange)
        self.url = f"redis://{LOOPBACK}:{self._server.server_address[1]}/0"

    def __enter__(self) -> RedisThatRefuses:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, connection: object) -> None:
        self.connections += 1
        no = f"-{self.words}\r\n".encode()
        if self._greets:
            connection.sendall(no)  # type: ignore[attr-defined]
            return
        reader = hiredis.Reader()
        while data := connection.recv(65536):  # type: ignore[attr-defined]
            reader.feed(data)
            while (command := reader.gets()) is not False:
                usual = HANDSHAKE.get(command[0].upper(), self._usual)
                if self.words:
                    connection.sendall(no if usual is None or command[0].upper() in self._refused else usual)  # type: ignore[attr-defined]
