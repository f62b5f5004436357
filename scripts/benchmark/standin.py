"""The img2img API and S3 for the benchmark, in one process: ``python -m scripts.benchmark.standin PORT [SERVICE…]``.

As lean as it can be, because it shares the machine with what is measured: answers are prepared beforehand, signatures
are not checked. A POST answers PENDING and an id. A status request answers SUCCESS, with a SERVICE (places, median,
sigma, seed: see ``service.py``) only when the edit's time has come. ``GET /counts`` tells how many calls of each kind
were answered, ``GET /log`` what became of the edits; after ``GET /hold`` no further edit is ever ready.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from typing import cast

import uvloop

from scripts.benchmark.picture import noise_png
from scripts.benchmark.service import Service
from scripts.benchmark.timekeeper import Timekeeper
from workers.stack.ports import LOOPBACK

API_PATH = "/img2img"
CALLS = ("post", "status", "download", "put")  # an edit is one of each
POLLS = "pending"  # status requests that came too early; not among the calls

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def _answer(body: bytes = b"", kind: str = "application/json", status: str = "200 OK", extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Answers:
    """What is answered to whom, and how often."""

    def __init__(self, port: int, timekeeper: Timekeeper | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self._timekeeper = timekeeper or Timekeeper()
        success = {"status": "SUCCESS", "download_urls": [f"http://{LOOPBACK}:{port}/result/picture.png"]}
        self._success = _answer(json.dumps(success).encode())
        self._picture = _answer(noise_png(), "image/png")
        self._stored = _answer(extra='ETag: "0123456789abcdef0123456789abcdef"\r\n')
        self._nothing = _answer(status="204 No Content")
        self._unknown = _answer(b'{"detail":"no such id"}', status="404 Not Found")
        self._upload = _answer(b"<R><UploadId>u</UploadId><ETag>e</ETag></R>", "application/xml")
        self._deleted = _answer(b"<DeleteResult><Deleted><Key>k</Key></Deleted></DeleteResult>", "application/xml")

    def to(self, method: bytes, path: bytes, body: bytes = b"") -> bytes:
        """The answer to a request that has arrived whole; ``body`` is needed of a POST alone."""
        if method == b"PUT":
            return self._put(path)
        if method == b"POST":
            return self._post(path, body)
        if path.startswith(b"/result/"):
            self.counts["download"] += 1
            return self._picture
        if path.startswith(f"{API_PATH}/status/".encode()):
            provider_id = path.rpartition(b"/")[2]
            return self._status(int(provider_id)) if provider_id.isdigit() else self._unknown
        return self._about_itself(path)

    def _put(self, path: bytes) -> bytes:
        if path.endswith(b".png"):
            self.counts["put"] += 1
            self._timekeeper.stored(path)
        return self._stored

    def _post(self, path: bytes, body: bytes) -> bytes:
        if path != API_PATH.encode():
            return self._deleted if path.endswith(b"?delete") else self._upload
        self.counts["post"] += 1
        provider_id = self.counts["post"]
        self._timekeeper.posted(provider_id, body)
        return self._pending(provider_id)

    def _pending(self, provider_id: int) -> bytes:
        return _answer(b'{"status":"PENDING","id":"%d"}' % provider_id)

    def _status(self, provider_id: int) -> bytes:
        if not self._timekeeper.ready(provider_id):
            self.counts[POLLS] += 1
            return self._pending(provider_id)
        self.counts["status"] += 1
        return self._success

    def _about_itself(self, path: bytes) -> bytes:
        if path == b"/counts":
            return _answer(json.dumps(self.counts).encode())
        if path == b"/log":
            return _answer(json.dumps(self._timekeeper.to_json()).encode())
        if path == b"/hold":
            self._timekeeper.hold()
        return self._nothing


class Connection(asyncio.Protocol):
    """One connection: one request after the other; of bodies, only a POST's is kept until it is answered."""

    def __init__(self, answer: Callable[[bytes, bytes, bytes], bytes]) -> None:
        self._answer = answer
        self._head = b""
        self._body = b""
        self._request: tuple[bytes, bytes] | None = None
        self._missing = 0  # bytes of the body that are yet to come

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the answers."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is none by inheritance

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        while data:
            data = self._read_body(data) if self._request else self._read_head(data)

    def _read_body(self, data: bytes) -> bytes:
        """Take what belongs to the body; returns what follows it."""
        assert self._request is not None
        body, rest = data[: self._missing], data[self._missing :]
        self._missing -= len(body)
        if self._request[0] == b"POST":
            self._body += body
        if self._missing == 0:
            self._reply()
        return rest

    def _read_head(self, data: bytes) -> bytes:
        """Read up to the end of the headers; returns what follows them."""
        head, end, rest = (self._head + data).partition(_HEAD_END)
        if not end:
            self._head = head
            return b""
        self._head = b""
        method, path, _ = head.split(b" ", 2)
        self._request = (method, path)
        if method in (b"GET", b"HEAD", b"DELETE"):
            self._reply()
            return rest
        if _CHUNKED.search(head):  # no client of the benchmark does; silence would look like a hang
            self._transport.write(_answer(status="501 Not Implemented"))
            self._transport.close()
            return b""
        length = _LENGTH.search(head)
        self._missing = int(length[1]) if length else 0
        if _EXPECT.search(head):
            self._transport.write(_CONTINUE)
        if self._missing == 0:
            self._reply()
        return rest

    def _reply(self) -> None:
        assert self._request is not None
        self._transport.write(self._answer(*self._request, self._body))
        self._request = None
        self._body = b""


async def serve(port: int, service: Service | None = None) -> None:
    """Serve until the process is ended."""
    answers = Answers(port, Timekeeper(service))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(answers.to), LOOPBACK, port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Service.parse(sys.argv[2:]) if sys.argv[2:] else None))
