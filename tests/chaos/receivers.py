"""Receivers of webhooks that are in trouble, each in a way of its own, until they are well again."""

from __future__ import annotations

import json
import random
import signal
import socket
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from retouch.event_log import CloudEvent
from tests.chaos.stage import Run
from tests.harness.waiting import LIMIT_S
from tests.harness.web import Web
from workers.stack.ports import LOOPBACK

MOODS = ("fails", "refuses", "hangs", "redirects", "cuts", "lies")
COME_BACK_S = 120.0  # at most: a sink in trouble is tried ever more rarely
ENOUGH = 5  # requests in trouble: a sink is left alone after that


class Fickle(ThreadingHTTPServer):
    """A receiver in a ``mood`` until it is ``well``; a context manager.

    ``told``: each event that it said to have taken, with the header's id, also where saying so was all it did.
    ``elsewhere``: where it redirects to.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, mood: str, elsewhere: str) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.mood, self.elsewhere = mood, elsewhere
        self.well = threading.Event()
        self.troubled = 0
        self.told: list[tuple[str, CloudEvent]] = []
        self.url = f"http://{LOOPBACK}:{self.server_address[1]}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.well.set()
        self.shutdown()
        self.server_close()

    def ids(self) -> set[str]:
        """The events that it said to have taken."""
        return {event["id"] for _, event in list(self.told)}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Workers are killed in the middle of requests."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """A mood is a method of its name."""

    protocol_version = "HTTP/1.1"
    server: Fickle

    def do_POST(self) -> None:
        event: CloudEvent = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if self.server.well.is_set():
            self._keep(event)
            self._answer(204)
            return
        self.server.troubled += 1
        getattr(self, self.server.mood)(event)

    def fails(self, _event: CloudEvent) -> None:
        self._answer(503)

    def refuses(self, _event: CloudEvent) -> None:
        self._answer(404)

    def hangs(self, _event: CloudEvent) -> None:
        self.server.well.wait(LIMIT_S)
        self._cut()

    def redirects(self, _event: CloudEvent) -> None:
        self._answer(307, Location=self.server.elsewhere)

    def cuts(self, _event: CloudEvent) -> None:
        self.wfile.write(b"HTTP/1.1 20")
        self._cut()

    def lies(self, event: CloudEvent) -> None:
        """It says 200, and breaks off: whoever says so has it."""
        self._keep(event)
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nta")
        self._cut()

    def _keep(self, event: CloudEvent) -> None:
        self.server.told.append((self.headers.get("webhook-id", ""), event))

    def _answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Outcome:
    """What came of it: how many events there are, and were taken again; times in seconds; and what is wrong.

    ``honest_s``: until the receiver that was well knew all ends; ``after_s``: from the return of the others until
    they had all.
    """

    events: int
    again: int
    honest_s: float
    after_s: float
    wrong: list[str]


def come_back(run: Run, rng: random.Random, edits: int, bug: str = "", within_s: float = COME_BACK_S) -> Outcome:
    """Edits end while all receivers but one are in trouble, and a worker dies; then all are well."""
    with _receivers() as (fickle, elsewhere):
        sinks = " ".join(f"{one.url}?name={one.mood}" for one in fickle)
        crew = [run.worker(max_in_flight=60, sinks=sinks, bug=bug) for _ in range(2)]
        run.ready(*crew)
        began = time.monotonic()
        run.enqueue(edits)
        run.until(lambda: all(one.troubled for one in fickle), "each receiver shows its mood")
        rng.choice(crew).signal(signal.SIGKILL)
        run.worker(max_in_flight=60, sinks=sinks, bug=bug)
        run.finish()
        honest_s = time.monotonic() - began
        run.until(lambda: bug or all(one.troubled >= ENOUGH for one in fickle), "all are in trouble for good")
        for one in fickle:
            one.well.set()
        back = time.monotonic()
        run.enqueue(edits)
        run.finish()
        wanted = {event["id"] for event in run.queue.events("0-0")}
        stuck = ""
        try:
            run.until(lambda: all(one.ids() >= wanted for one in fickle), "every receiver has every event", within_s)
        except TimeoutError:
            stuck = f"not every receiver had every event within {within_s:g} s"
        after_s = time.monotonic() - back
        wrong = [stuck] if stuck else []
        for one in fickle:
            wrong += _judged(one, wanted)
        wrong += [f"{len(elsewhere.requests)} events went where a redirect leads"] if elsewhere.requests else []
        again = sum(len(one.told) - len(one.ids()) for one in fickle)
        return Outcome(len(wanted), again, honest_s, after_s, wrong)


@contextmanager
def _receivers() -> Iterator[tuple[list[Fickle], Web]]:
    with ExitStack() as stack:
        elsewhere = stack.enter_context(Web(lambda _request: (200, b"")))
        yield [stack.enter_context(Fickle(mood, elsewhere.url)) for mood in MOODS], elsewhere


def _judged(fickle: Fickle, wanted: set[str]) -> Iterator[str]:
    """Every event once or more, each under one id."""
    if missing := wanted - fickle.ids():
        yield f"the one that {fickle.mood} never got {len(missing)} of {len(wanted)} events"
    if other := sum(header != event["id"] for header, event in fickle.told):
        yield f"the one that {fickle.mood} got {other} events under two ids"
    ends: dict[tuple[str, str], set[str]] = defaultdict(set)
    for _, event in fickle.told:
        if event["type"].startswith(("retouch.edit.", "retouch.batch.")):
            ends[event["type"], event["subject"]].add(event["id"])
    if many := [end for end, ids in ends.items() if len(ids) > 1]:
        yield f"the one that {fickle.mood} was told of {many[0][1]} under several ids"
