"""An API with so little work for each request that its record says when they came, thousands a second too.

``python -m tests.harness.bare_api RECORD KIND NTH SECONDS``: it works on everything for ever; the NTH request of a kind
is answered 429 with a Retry-After. RECORD gets a line of JSON a request: kind, arrived, status.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from pathlib import Path
from typing import IO, cast

import uvloop

from tests.harness.growing import Growing
from tests.harness.processes import Process
from workers.stack.ports import LOOPBACK

SUBMIT_S = 0.1  # so that submits are under way when another is refused
BACKLOG = 4096


class BareApi:
    """Such an API in a process of its own, a context manager; ``url`` is its RETOUCH_API_URL."""

    def __init__(self, record: Path, kind: str, nth: int, retry_after_s: int) -> None:
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "tests.harness.bare_api",
            record,
            kind,
            str(nth),
            str(retry_after_s),
        ]
        self._record = Growing(record)
        self._process = Process(command)
        self.url = f"http://{LOOPBACK}:{self._process.out.line().strip()}/v1"
        self._kind = kind

    def __enter__(self) -> BareApi:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.__exit__()

    def refused_at(self) -> float | None:
        """When the 429 was answered, in seconds since 1970."""
        return next((entry["arrived"] for entry in self._record.read() if entry["status"] == 429), None)

    def later(self, at: float) -> list[float]:
        """The seconds from then to each request of the kind that came after it, sorted."""
        came = [entry["arrived"] - at for entry in self._record.read() if entry["kind"] == self._kind]
        return sorted(seconds for seconds in came if seconds > 0)


class _Exchange(asyncio.Protocol):
    """One connection: requests that are read whole, and answered."""

    def __init__(self, answer: _Answers) -> None:
        self._answer = answer
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is none

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (size := _size(self._read)) is not None:
            kind = "submit" if self._read.startswith(b"POST") else "status"
            self._read = self._read[size:]
            answer = self._answer(kind)
            asyncio.get_running_loop().call_later(SUBMIT_S if kind == "submit" else 0, self._write, answer)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def _size(read: bytes) -> int | None:
    """How long the first request is, if it is here whole."""
    head, end, body = read.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    return len(head) + len(end) + length if end and len(body) >= length else None


class _Answers:
    """Answers by kind of request, and writes down each."""

    def __init__(self, record: IO[str], kind: str, nth: int, retry_after_s: str) -> None:
        self._record = record
        self._kind = kind
        self._left = nth
        self._retry_after_s = retry_after_s

    def __call__(self, kind: str) -> bytes:
        arrived = time.time()
        self._left -= kind == self._kind
        refused = kind == self._kind and self._left == 0
        self._record.write(json.dumps({"kind": kind, "arrived": arrived, "status": 429 if refused else 200}) + "\n")
        if refused:
            return _response(
                "429 Too Many Requests", {"detail": "slow down"}, f"Retry-After: {self._retry_after_s}\r\n"
            )
        return _response("200 OK", {"status": "PENDING", "id": uuid.uuid4().hex})


def _response(status: str, body: dict[str, str], more: str = "") -> bytes:
    text = json.dumps(body)
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{more}Content-Length: {len(text)}\r\n\r\n"
    return (head + text).encode()


async def _serve(record: Path, kind: str, nth: str, retry_after_s: str) -> None:
    with record.open("a", buffering=1) as file:
        answers = _Answers(file, kind, int(nth), retry_after_s)
        server = await asyncio.get_running_loop().create_server(
            lambda: _Exchange(answers), LOOPBACK, 0, backlog=BACKLOG
        )
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1]), *sys.argv[2:]))
