"""The benchmark's stand-in for the API and S3, without a network."""

from __future__ import annotations

import json

import pytest

from scripts.benchmark.picture import noise_png
from scripts.benchmark.service import Service
from scripts.benchmark.standin import API_PATH, Answers, Connection
from scripts.benchmark.timekeeper import Timekeeper


class Wire:
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


def connected(answers: Answers) -> tuple[Connection, Wire]:
    """A connection to the stand-in, without a network."""
    connection, wire = Connection(answers.to), Wire()
    connection.connection_made(wire)  # type: ignore[arg-type]
    return connection, wire


def test_standin_answers_requests_that_arrive_in_pieces() -> None:
    """Heads and bodies may be cut anywhere, and the next request may follow in the same piece."""
    answers = Answers(1234)
    connection, wire = connected(answers)
    put = b"PUT /bench/a/0.png HTTP/1.1\r\nContent-Length: 5\r\n\r\nimage"
    post = f"POST {API_PATH} HTTP/1.1\r\ncontent-length: 2\r\n\r\n{{}}".encode()
    stream = put + post + b"GET /result/picture.png HTTP/1.1\r\n\r\n"
    for first in range(0, len(stream), 7):
        connection.data_received(stream[first : first + 7])
    assert answers.counts == {"put": 1, "post": 1, "download": 1}
    assert b'"PENDING"' in wire.written[1]
    assert wire.written[2].endswith(noise_png())


def test_standin_asks_for_a_body_that_waits_to_be_asked_for() -> None:
    """boto3 holds a body back until it reads ``100 Continue``, and for a whole second if it never does."""
    connection, wire = connected(Answers(1234))
    connection.data_received(b"PUT /bench/a/0.png HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    assert wire.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    connection.data_received(b"x")
    assert wire.written[1].startswith(b"HTTP/1.1 200 OK")


def test_standin_counts_images_alone() -> None:
    """The worker's probe of the store and a batch's manifest are no edits."""
    answers = Answers(1234)
    for path in (b"/bench/_retouch/probe", b"/bench/batch/manifest.jsonl", b"/bench/batch/_SUCCESS"):
        answers.to(b"PUT", path)
    assert answers.counts == {}


def test_standin_knows_no_id_that_it_did_not_give() -> None:
    """A worker asks about a made-up one at its start: a refusal in JSON, which is no edit's call."""
    answers = Answers(1234)
    connection, wire = connected(answers)
    connection.data_received(f"GET {API_PATH}/status/0b5e-made-up HTTP/1.1\r\n\r\n".encode())
    assert wire.written[0].startswith(b"HTTP/1.1 404 Not Found")
    assert json.loads(wire.written[0].partition(b"\r\n\r\n")[2]) == {"detail": "no such id"}
    assert answers.counts == {}


class Clock:
    """A clock that is set by hand. Seconds."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_standin_takes_the_time_of_its_service() -> None:
    """A second edit waits for the only place; lags run from ready to the image's first put, over bodies in pieces."""
    clock = Clock()
    service = Service(places=1, median_s=4.0, sigma=0.0)
    answers = Answers(1234, Timekeeper(service, clock))
    connection, _ = connected(answers)
    for seed in (7, 8):
        body = json.dumps({"prompt": "x", "seed": seed}).encode()
        head = f"POST {API_PATH} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.data_received(head + body[:9])
        connection.data_received(body[9:])
    clock.now_s += 4.5
    assert b"SUCCESS" in answers.to(b"GET", f"{API_PATH}/status/1".encode())
    assert b"PENDING" in answers.to(b"GET", f"{API_PATH}/status/2".encode())
    answers.to(b"PUT", b"/bench/batch/edit-000007/0.png")
    clock.now_s += 5.0
    answers.to(b"PUT", b"/bench/batch/edit-000007/0.png")
    answers.to(b"PUT", b"/bench/batch/8/0.png")
    assert answers.counts == {"post": 2, "pending": 1, "status": 1, "put": 3}
    log = json.loads(answers.to(b"GET", b"/log").partition(b"\r\n\r\n")[2])
    assert log == {"makespan_s": 9.5, "ideal_s": 8.0, "lags_s": pytest.approx([0.5, 1.5])}


def test_standin_holds_only_what_comes_after() -> None:
    """Before ``/hold`` every edit is ready at once, after it none ever is."""
    answers = Answers(1234)
    answers.to(b"POST", API_PATH.encode())
    answers.to(b"GET", b"/hold")
    answers.to(b"POST", API_PATH.encode())
    asked = [answers.to(b"GET", f"{API_PATH}/status/{number}".encode()) for number in (1, 2)]
    assert [b"SUCCESS" in answer for answer in asked] == [True, False]
