"""A small HTTP server that the tests look into."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes = b""
    status: int = 0  # what it is answered
    method: str = ""
    caller: int = 0  # the port that it comes from

    @property
    def event(self) -> dict[str, Any]:
        """The body, if it is one object of JSON."""
        read: dict[str, Any] = json.loads(self.body)
        return read


class Web:
    """An HTTP server on a free loopback port; ``answer`` decides each request, ``requests`` keeps them all.

    It has its port from the beginning, and listens as a context manager: before that, connections are refused.
    """

    def __init__(self, answer: Callable[[Request], tuple[int, bytes]]) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self._server = _Server((LOOPBACK, 0), _handler(self), bind_and_activate=False)
        self._server.server_bind()
        self.port = int(self._server.server_address[1])
        self.host = f"{LOOPBACK}:{self.port}"
        self.url = f"http://{self.host}"

    def headers(self, request: Request) -> dict[str, str]:
        """Further headers of the answer to a request."""
        return {}

    def __enter__(self) -> Self:
        self._server.server_activate()
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = False  # with it another server could take the port before this one listens

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers are killed in the middle of requests: that is what the tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler(web: Web) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_PUT(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                body,
                0,
                self.command,
                self.client_address[1],
            )
            status, answer = web.answer(request)
            web.requests.append(replace(request, status=status))
            self.send_response(status)
            own = {"Content-Type": "image/png", "ETag": '"1"', "Content-Length": str(len(answer))}
            named = web.headers(request)
            known = set(map(str.lower, named))
            for name, value in {**named, **{name: own[name] for name in own if name.lower() not in known}}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
