"""Bodies that are broken, slow or cut: all of one is taken, or nothing, and others are answered meanwhile."""

from __future__ import annotations

import json
import random
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest

from config.gateway import GatewaySettings
from retouch.queue import EditQueue
from tests.harness.broken_lines import broken
from tests.harness.waiting import LIMIT_S
from tests.unit.workers.gateway.conftest import Caller, Client
from workers.gateway import body as bodies
from workers.gateway.intake import TOLD

JSONL = {"Content-Type": "application/jsonl"}
LINES, ONE_IN = 20_000, 150
SENDERS = 30


@pytest.fixture
def settings() -> GatewaySettings:
    """Those of a gateway that takes large bodies."""
    return GatewaySettings(bucket="bucket", prefix="edits/", gateway_max_body=16)


def line(number: int) -> bytes:
    """A line that is right."""
    edit = {"custom_id": f"e{number}", "prompt": f"a cat {number}", "init_image": f"https://example.com/{number}.png"}
    return json.dumps(edit).encode() + b"\n"


def begun(caller: Caller, batch: str) -> socket.socket:
    """A connection whose body is yet to come, in chunks."""
    parts = urlsplit(caller.url)
    sock = socket.create_connection((parts.hostname or "", parts.port or 0), LIMIT_S)
    head = f"POST /v1/batches/{batch} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {caller.token}\r\n"
    sock.sendall(f"{head}Content-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    return sock


def chunk(data: bytes) -> bytes:
    """A piece of a body; an empty one is its end."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def test_each_broken_line_of_many_is_told(client: Client, queue: EditQueue) -> None:
    """By its number, as far as a hundred mistakes go; and nothing of the others is taken."""
    rng = random.Random(1)
    body, wrong = [], []
    for number in range(1, LINES + 1):
        good = line(number)
        if rng.randrange(ONE_IN) == 0:
            wrong.append(number)
            good = broken(good[:-1], rng) + b"\n"
        body.append(good)
    answer = client().post("/v1/batches/b", data=b"".join(body), headers=JSONL)
    assert answer.status_code == 422
    told = answer.json()
    assert told["rejected"] == len(wrong) > TOLD
    assert len(told["errors"]) == TOLD
    named = list(dict.fromkeys(error["line"] for error in told["errors"]))  # of one line there may be several
    assert named == wrong[: len(named)]
    assert queue.batches() == []


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Released for each body that the gateway gives up."""
    released, chunks = threading.Semaphore(0), bodies._chunks

    async def watched(request: Any, most: int) -> Any:
        try:
            async for one in chunks(request, most):
                yield one
        except BaseException:
            released.release()
            raise

    monkeypatch.setattr(bodies, "_chunks", watched)
    return released


def test_a_body_that_is_cut_anywhere_is_not_taken(
    client: Client, queue: EditQueue, gone: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a line, between two, and where only the end of the chunks is missing; then the whole is all new."""
    monkeypatch.setattr(bodies, "IN_MEMORY", 4096)  # so that some of it is on disk
    caller, rng = client(), random.Random(3)
    whole = b"".join(map(line, range(100)))
    ends = [0, 1, len(line(0)), whole.rindex(b"\n", 0, -1) + 1, len(whole)]
    for end in [*ends, *(rng.randrange(len(whole)) for _ in range(SENDERS - len(ends)))]:
        with begun(caller, "b") as sock:
            sock.sendall(chunk(whole[:end]) if end else b"")
            if end % 2:
                sock.sendall(b"ffff\r\nthe head of a chunk")
    assert all(gone.acquire(timeout=LIMIT_S) for _ in range(SENDERS))
    assert queue.batches() == []
    told = caller.post("/v1/batches/b", data=whole, headers=JSONL).json()
    assert (told["accepted"], told["already"]) == (whole.count(b"\n"), 0)


def test_slow_senders_hold_up_nobody(client: Client, queue: EditQueue) -> None:
    """More of them than there are threads: another is answered, and each of them when its body is whole."""
    caller = client()
    senders = {f"slow-{number}": begun(caller, f"slow-{number}") for number in range(2 * SENDERS)}
    for sock in senders.values():
        sock.sendall(chunk(line(0)))
    assert caller.post("/v1/batches/quick", data=line(0), headers=JSONL).status_code == 201
    assert [view.batch for view in queue.batches()] == ["quick"]
    for sock in senders.values():
        sock.sendall(chunk(line(1)[:20]))
    for sock in senders.values():
        sock.sendall(chunk(line(1)[20:]) + chunk(b""))
    for batch, sock in senders.items():
        with sock, sock.makefile("rb") as answer:
            assert answer.readline() == b"HTTP/1.1 201 Created\r\n"
        assert queue.status(batch).total == 2
