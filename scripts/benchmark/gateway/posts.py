"""Many edits in one request: how long until they are accepted, in how much memory, and whether others are answered."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import redis
import requests

from retouch.errors import ServiceError
from retouch.ledger import PAGE
from scripts.benchmark.gateway.house import House, check_stored, opened
from scripts.benchmark.gateway.ways import BARE, GATEWAY, LOOP
from scripts.benchmark.service import percentile
from scripts.benchmark.stage import Stage
from scripts.benchmark.work import Work
from tests.harness.broken_lines import broken

ANSWER_S = 600.0  # at most
ASKED_EVERY_S = 0.05
ONE_IN = 1000  # lines is broken
TYPE = {"Content-Type": "application/jsonl"}


@dataclass(frozen=True, slots=True)
class Post:
    """One request. ``cpu_s`` and ``peak_mib`` are the server's; ``others_ms``: how long /healthz took meanwhile."""

    seconds: float
    cpu_s: float | None = None
    peak_mib: float | None = None
    others_ms: list[float] = field(default_factory=list)

    @property
    def others_p99_ms(self) -> float | None:
        """Of a hundred callers who asked meanwhile, 99 were answered within this."""
        return percentile(self.others_ms, 0.99) if self.others_ms else None


def accepted(stage: Stage, way: str, edits: int) -> Post:
    """So many edits in one request, or from one loop; raises ServiceError if they are not all in Redis then."""
    body = stage.folder / f"{edits}.jsonl"
    if not body.exists():
        Work("big", edits).write_manifest(body)
    if way == LOOP:
        return _looped(stage, body, edits)
    with opened(stage, way) as house:
        found, status, said = _post(house, body)
        if status != 201:
            raise ServiceError(f"{way} answered {status}: {said[:300]}")
        check_stored(stage, edits)
        return found


def refused(stage: Stage, lines: int, rng: random.Random) -> Post:
    """As many lines, of which some are broken; raises ServiceError unless all are refused, and none is in Redis."""
    body = stage.folder / "broken.jsonl"
    with body.open("wb") as file:
        for edit in Work("broken", lines).named():
            line = json.dumps(edit).encode()
            file.write((broken(line, rng) if rng.randrange(ONE_IN) == 0 else line) + b"\n")
    with opened(stage, GATEWAY) as house:
        found, status, said = _post(house, body)
        body.unlink()
        if status != 422:
            raise ServiceError(f"the gateway answered broken lines with {status}: {said[:300]}")
        check_stored(stage, 0)
        return found


def _post(house: House, body: Path) -> tuple[Post, int, str]:
    cpu_s = house.cpu_s()
    with body.open("rb") as file, _asking(house.url) as others_ms:
        began_s = time.monotonic()
        answer = requests.post(f"{house.url}/v1/batches", data=file, headers=house.headers | TYPE, timeout=ANSWER_S)
        seconds = time.monotonic() - began_s
    return Post(seconds, house.cpu_s() - cpu_s, house.peak_mib(), others_ms), answer.status_code, answer.text


@contextmanager
def _asking(url: str) -> Iterator[list[float]]:
    """Ask whether it lives, again and again; the list gets the milliseconds that each answer took."""
    took_ms: list[float] = []
    ended = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=ANSWER_S)
        while not ended.wait(ASKED_EVERY_S):
            began_s = time.monotonic()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            took_ms.append(1000 * (time.monotonic() - began_s))
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield took_ms
    finally:
        ended.set()
        thread.join()


def _looped(stage: Stage, body: Path, edits: int) -> Post:
    stage.empty_redis()
    cpu_s = time.process_time()
    with redis.Redis.from_url(stage.valkey.url) as client, body.open("rb") as file:
        began_s = time.monotonic()
        while page := list(islice(file, PAGE)):
            client.rpush("bare", *page)
        seconds = time.monotonic() - began_s
    check_stored(stage, edits)
    return Post(seconds, time.process_time() - cpu_s)


WAYS = (GATEWAY, BARE, LOOP)
