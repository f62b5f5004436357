"""The metrics are read, as Prometheus does, where there are many batches."""

from __future__ import annotations

import http.client
import json
import time
from statistics import median
from urllib.parse import urlsplit

from retouch.errors import ServiceError
from retouch.ledger import Entry, Ledger
from scripts.benchmark.cost import meter
from scripts.benchmark.gateway.house import House, opened
from scripts.benchmark.gateway.ways import GATEWAY
from scripts.benchmark.stage import Stage
from scripts.benchmark.standin import CALLS
from scripts.benchmark.versions import RETOUCH
from scripts.benchmark.work import Work

PER_BATCH = 3  # edits
WORKED = 0.5  # of the edits, before the metrics are read
IN_FLIGHT = {"RETOUCH_MAX_IN_FLIGHT": "2048"}
AGAIN = 20  # scrapes in a round


def measure(stage: Stage, rounds: int, batches: int) -> list[float]:
    """The milliseconds of a scrape, in the median of each round; raises ServiceError if one fails, DiedError."""
    with opened(stage, GATEWAY) as house:
        ledger = Ledger.from_url(stage.valkey.url)
        for number in range(batches):
            _write(ledger, f"batch-{number}")
        with stage.processes("worker", RETOUCH.start(), **IN_FLIGHT) as children, meter(stage, children) as watched:
            watched.wait_for(int(WORKED * PER_BATCH * batches * len(CALLS)))
        return [median(_scrapes(house)) for _ in range(rounds)]


def _write(ledger: Ledger, batch: str) -> None:
    """As ``EditQueue.enqueue`` does, but without waiting for the disk each time."""
    edits = Work(batch, PER_BATCH).named()
    entries = [Entry(edit.pop("custom_id"), "digest", json.dumps(edit), 1, None) for edit in edits]
    ledger.producer.enqueue(batch, entries, {}, 1.0)
    ledger.producer.seal(batch)


def _scrapes(house: House) -> list[float]:
    connection = http.client.HTTPConnection(urlsplit(house.url).netloc, timeout=10)
    took_ms = []
    for _ in range(AGAIN):
        began_s = time.monotonic()
        connection.request("GET", "/metrics", headers=house.headers)
        answer = connection.getresponse()
        text = answer.read()
        took_ms.append(1000 * (time.monotonic() - began_s))
        if answer.status != 200 or b"retouch_edits{" not in text:
            raise ServiceError(f"the gateway answered a scrape with {answer.status}: {text[:300].decode()}")
    connection.close()
    return took_ms
