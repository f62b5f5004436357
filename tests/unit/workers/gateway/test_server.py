"""Connections of the gateway: who sends half of a request keeps none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from retouch.ledger import Ledger
from tests.harness.waiting import LIMIT_S
from tests.unit.workers.gateway.conftest import Caller, Client
from tests.unit.workers.gateway.test_batches import fill

WHOLE = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head has to come soon."""
    monkeypatch.setattr("workers.gateway.server.HEAD_S", 2)


def connected(caller: Caller) -> closing[socket.socket]:
    """A connection to the gateway."""
    address = urlsplit(caller.url)
    return closing(socket.create_connection((address.hostname, address.port), LIMIT_S))


@pytest.fixture
def connection(anyone: Caller) -> Iterator[socket.socket]:
    """One without a key."""
    with connected(anyone) as connection:
        yield connection


def answer(connection: socket.socket) -> bytes:
    """The next answer, which is a JSON object."""
    whole = b""
    while (piece := connection.recv(65536)) and not (whole := whole + piece).endswith(b"}"):
        pass
    return whole


def received(connection: socket.socket) -> bytes:
    """All that comes until the gateway ends the connection."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost:"], ids=["nothing", "half"])
def test_a_connection_without_a_whole_head_is_closed(connection: socket.socket, sent: bytes) -> None:
    """Else anyone could take all of the gateway's files."""
    connection.sendall(sent)
    assert received(connection) == b""


def test_so_is_one_after_an_answer(connection: socket.socket) -> None:
    """The head of a second request has no more time than that of the first."""
    connection.sendall(WHOLE)
    assert b'"alive"' in answer(connection)
    connection.sendall(WHOLE[:10])
    assert received(connection) == b""


def test_a_body_that_goes_on_after_its_answer_is_cut(connection: socket.socket) -> None:
    """Nobody reads it: its sender has no key."""
    connection.sendall(b"POST /v1/batches HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000\r\n\r\n")
    assert b"401 Unauthorized" in answer(connection)
    connection.sendall(b"more")
    assert received(connection) == b""


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/batches/b/results", b"426"),
        ("/openai/v1/files/file-output.b/content", b"426"),
        ("/v1/batches/b", b"200"),
    ],
)
def test_what_could_be_cut_unseen_is_not_sent_by_http_1_0(
    client: Client, ledger: Ledger, path: str, status: bytes
) -> None:
    """Where the gateway dies, a proxy that speaks it passes a part on as the whole; an answer with a length is sent."""
    fill(ledger)
    caller = client()
    with connected(caller) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nAuthorization: Bearer {caller.token}\r\n\r\n".encode())
        head, _, body = received(connection).partition(b"\r\n\r\n")
    assert head.split()[1] == status
    if status == b"426":
        assert b"nginx: proxy_http_version 1.1" in body


def test_a_request_that_takes_longer_is_answered(client: Client, ledger: Ledger) -> None:
    """Only the head is bound to the time."""
    fill(ledger)
    assert client().get("/v1/batches/b/wait?timeout=3").json()["state"] == "open"
