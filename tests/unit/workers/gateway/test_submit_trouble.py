"""Requests that enqueue, and what goes wrong on the way: callers that go away, gateways that die, the same again."""

from __future__ import annotations

import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from retouch.access_keys import AccessKeys
from retouch.errors import LedgerAwayError
from retouch.ledger import PAGE, Ledger
from retouch.queue import EditQueue
from tests.unit.workers.gateway.bodies import JSONL, edit, lines
from tests.unit.workers.gateway.conftest import Caller, Client, problem
from workers.gateway import body as bodies
from workers.gateway.context import Gateway
from workers.gateway.intake import ARRIVING


def half(caller: Caller, size: int = 1000, path: str = "/v1/batches/b") -> socket.socket:
    """Send the head and the first line of a body of which more is promised."""
    parts = urlsplit(caller.url)
    sock = socket.create_connection((parts.hostname or "", parts.port or 0))
    head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {caller.token}\r\n"
    head += f"Content-Type: application/jsonl\r\nContent-Length: {size}\r\n\r\n"
    sock.sendall(head.encode() + lines(edit()).encode())
    return sock


def test_a_caller_that_hangs_up_half_way_leaves_nothing(
    client: Client, queue: EditQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No batch, and no file."""
    gone = threading.Event()
    chunks = bodies._chunks

    async def watched(request: Any, most: int) -> Any:
        try:
            async for chunk in chunks(request, most):
                yield chunk
        except BaseException:
            gone.set()
            raise

    monkeypatch.setattr(bodies, "_chunks", watched)
    half(client()).close()
    assert gone.wait(60)
    assert queue.batches() == []


@pytest.mark.parametrize(("bound", "reason"), [("SILENT_S", b"stopped coming"), ("WHOLE_S", b"has not come whole")])
def test_a_sender_that_stops_is_not_waited_for(
    client: Client, queue: EditQueue, monkeypatch: pytest.MonkeyPatch, bound: str, reason: bytes
) -> None:
    """It is told, and its connection closed; one that sends a byte now and then, too."""
    monkeypatch.setattr(bodies, bound, 0.05)
    with half(client()) as sock:
        sock.settimeout(20)  # less than the other bound
        answer = b""
        while chunk := sock.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert reason in answer
    assert b"nothing was enqueued" in answer
    assert queue.batches() == []


def test_a_batch_of_several_pages_is_not_worked_on_before_it_is_whole(
    client: Client, gateway: Gateway, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the gateway dies between two pages nothing was paid for, and the same request makes it whole."""
    caller, body = client(), lines(*(edit(n) for n in range(2 * PAGE + 1)))
    enqueue, pages = ledger.producer.enqueue, [0]

    def dies(*args: Any, **more: Any) -> Any:
        pages[0] += 1
        if pages[0] > 1:
            raise LedgerAwayError("killed")
        return enqueue(*args, **more)

    monkeypatch.setattr(ledger.producer, "enqueue", dies)
    broken = caller.post("/v1/batches/b", data=body, headers=JSONL)
    assert (broken.status_code, broken.headers["retry-after"]) == (503, "5")
    assert "enqueue the same again" in problem(broken)["detail"]
    view = gateway.queue.status("b")
    assert (view.total, [pause.reason for pause in view.paused]) == (PAGE, [ARRIVING])
    assert view.unsealed
    assert ledger.worker.claim("w", lease_ms=60_000, places=100).claims == []
    monkeypatch.setattr(ledger.producer, "enqueue", enqueue)
    again = caller.post("/v1/batches/b", data=body, headers=JSONL)
    assert (again.status_code, again.json()["accepted"], again.json()["already"]) == (201, PAGE + 1, PAGE)
    assert gateway.queue.status("b").paused == ()
    assert ledger.worker.claim("w", lease_ms=60_000, places=100).claims


@pytest.mark.parametrize("headers", [JSONL, JSONL | {"Idempotency-Key": "1"}])
@pytest.mark.parametrize("call", ["open_batch", "enqueue", "seal", "wait_for_disk"])
def test_redis_away_is_told_and_nothing_is_lost(
    client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, call: str, headers: dict[str, str]
) -> None:
    """Before anything is written, while it is, or before it is on disk; the same again adds what is missing."""
    caller = client()

    def away(*_: object, **__: object) -> None:
        raise LedgerAwayError("connection refused")

    with monkeypatch.context() as patched:
        patched.setattr(ledger.producer, call, away)
        answer = caller.post("/v1/batches/b", data=lines(edit()), headers=headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "enqueue the same again" in answer.json()["detail"]
    again = caller.post("/v1/batches/b", data=lines(edit()), headers=headers).json()
    assert again["accepted"] + again["already"] == 1


def test_redis_away_is_told_where_the_caller_has_a_key_for_its_request(
    client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not known then whether the request came before."""

    def away(*_: object, **__: object) -> None:
        raise LedgerAwayError("connection refused")

    monkeypatch.setattr(ledger.requests, "begin", away)
    answer = client().post("/v1/batches/b", data=lines(edit()), headers=JSONL | {"Idempotency-Key": "1"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_the_same_request_with_its_key_is_answered_alike(client: Client, keys: AccessKeys, queue: EditQueue) -> None:
    """For a day; it is not worked on again, whatever became of the batch. Another caller's key is another."""
    caller, other = client(), client(name="other")
    headers = JSONL | {"Idempotency-Key": "night-1"}

    def post(caller: Caller, body: str = lines(edit()), **query: str) -> requests.Response:
        return caller.post("/v1/batches/b", data=body, headers=headers, params=query)

    first = post(caller)
    queue.cancel("b")
    second = post(caller)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert queue.status("b").counts == {"cancelled": 1}
    for answer in (post(caller, lines(edit("x"))), post(caller, weight="2")):
        assert (answer.status_code, problem(answer)["type"]) == (422, "urn:retouch:problem:key-reused")
    caller.headers["Retouch-Notify"] = "https://hooks.example.com/other"
    assert problem(post(caller))["type"] == "urn:retouch:problem:key-reused"
    assert post(other).json()["already"] == 1
    keys.revoke("caller")
    assert post(client()).json()["already"] == 1  # one with the name of before knows nothing of its requests


def test_a_request_that_is_refused_frees_its_key(client: Client) -> None:
    """The corrected one may have the same."""
    caller, headers = client(), JSONL | {"Idempotency-Key": "k"}
    assert caller.post("/v1/batches/b", data=lines(edit(seed="x")), headers=headers).status_code == 422
    assert caller.post("/v1/batches/b", data=lines(edit(seed=1)), headers=headers).status_code == 201


def test_a_second_request_with_a_key_that_is_at_work_is_told_so(
    client: Client, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the first one is not disturbed."""
    caller, headers = client(), JSONL | {"Idempotency-Key": "k"}
    begun, go_on = threading.Event(), threading.Event()
    take, answers = gateway.desk.take, []

    def slow(*args: Any, **more: Any) -> Any:
        begun.set()
        assert go_on.wait(60)
        return take(*args, **more)

    monkeypatch.setattr(gateway.desk, "take", slow)
    first = threading.Thread(
        target=lambda: answers.append(caller.post("/v1/batches/b", data=lines(edit()), headers=headers))
    )
    first.start()
    assert begun.wait(60)
    second = Caller(caller.url, caller.token).post("/v1/batches/b", data=lines(edit()), headers=headers)
    go_on.set()
    first.join()
    assert (second.status_code, problem(second)["type"]) == (409, "urn:retouch:problem:at-work")
    assert second.headers["retry-after"] == "1"
    assert answers[0].status_code == 201


def test_a_batch_that_is_cancelled_while_it_is_written_is_told(
    client: Client, gateway: Gateway, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a person; nothing more is added."""
    caller, body = client(), lines(*(edit(n) for n in range(PAGE + 1)))
    enqueue, pages = ledger.producer.enqueue, [0]

    def cancelled(*args: Any, **more: Any) -> Any:
        pages[0] += 1
        if pages[0] == 2:
            gateway.queue.cancel("b")
        return enqueue(*args, **more)

    monkeypatch.setattr(ledger.producer, "enqueue", cancelled)
    answer = caller.post("/v1/batches/b", data=body, headers=JSONL)
    assert (answer.status_code, problem(answer)["type"]) == (409, "urn:retouch:problem:cancelled")
    view = gateway.queue.status("b")
    assert (view.counts, view.paused, view.unsealed) == ({"cancelled": PAGE}, (), None)


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
def test_an_idempotency_key_that_is_none_is_refused(client: Client, key: str) -> None:
    """It would be another one after a proxy."""
    answer = client().post(
        "/v1/batches/b", data=lines(edit()), headers={**JSONL, "Idempotency-Key": key.encode("latin-1")}
    )
    assert answer.status_code == 422
    assert "dempotency" in problem(answer)["detail"]
