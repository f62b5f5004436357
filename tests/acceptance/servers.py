"""Small HTTP servers that the tests look into: a host of pictures, a receiver of webhooks, an S3 without its bucket."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
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
    status: int = 0  # what it was answered


@dataclass
class Web:
    """An HTTP server on a free loopback port; ``answer`` decides each request, ``requests`` keeps them all."""

    answer: Callable[[Request], tuple[int, bytes]]
    port: int = 0
    requests: list[Request] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def __enter__(self) -> Self:
        self._server = _Server((LOOPBACK, self.port), _handler(self))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

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
            request = Request(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            status, answer = web.answer(request)
            web.requests.append(Request(request.path, request.headers, body, status))
            self.send_response(status)
            self.send_header("Content-Type", "image/png")
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


class NoBucket(Web):
    """An S3 server whose bucket does not exist until ``make`` is called (SeaweedFS makes buckets by itself)."""

    def __init__(self) -> None:
        super().__init__(self._take)
        self._made = False

    def make(self) -> None:
        """Make the bucket."""
        self._made = True

    def _take(self, request: Request) -> tuple[int, bytes]:
        return (200, b"") if self._made else (404, b"<Error><Code>NoSuchBucket</Code></Error>")


class Receiver(Web):
    """A receiver of webhooks. It answers with the next of ``statuses`` (then 200), once ``gate`` is open.

    ``on_event`` is called with each event before it is answered.
    """

    def __init__(self, statuses: tuple[int, ...] = (), *, port: int = 0) -> None:
        super().__init__(self._take, port)
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Semaphore(0)  # released as soon as a delivery is here, answered or not
        self.on_event: Callable[[dict[str, Any]], None] = lambda _event: None
        self._statuses = list(statuses)

    def _take(self, request: Request) -> tuple[int, bytes]:
        self.arrived.release()
        self.gate.wait(60)
        self.on_event(json.loads(request.body))
        return (self._statuses.pop(0) if self._statuses else 200), b""

    def delivered(self) -> list[dict[str, Any]]:
        """The events that were answered with 2xx."""
        return [json.loads(r.body) for r in self.requests if 200 <= r.status < 300]
