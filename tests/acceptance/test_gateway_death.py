"""Gateways that die in the middle of a request: nothing of it was paid for, and the same request makes it whole."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import requests

from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import PAGE, Ledger
from retouch.queue import EditQueue
from tests.harness.processes import Process
from tests.harness.waiting import until

pytestmark = pytest.mark.slow

EDITS = 30_000
LINE = '{{"custom_id": "c{0}", "prompt": "a cat", "init_image": "https://example.com/{0}.png"}}\n'
BODY = "".join(map(LINE.format, range(EDITS))).encode()

Start = Callable[[], tuple[Process, str]]


@pytest.fixture
def ledger(redis_url: str) -> Iterator[Ledger]:
    """A real ledger."""
    found = Ledger.from_url(redis_url)
    yield found
    found.connection.close()


@pytest.fixture
def start(redis_url: str) -> Iterator[Start]:
    """Start gateways; each is given with its URL."""
    env = os.environ | {"RETOUCH_REDIS_URL": redis_url, "RETOUCH_BUCKET": "bucket"}
    with ExitStack() as ends:

        def make() -> tuple[Process, str]:
            process = ends.enter_context(Process([sys.executable, "-m", "workers.gateway", "--port", "0"], env=env))
            return process, json.loads(process.out.line("url"))["url"]

        yield make


def test_a_gateway_that_is_killed_while_it_writes_leaves_nothing_that_is_paid_for(start: Start, ledger: Ledger) -> None:
    """The same request, at another gateway, is the same batch, whole, and only then worked on."""
    queue = EditQueue(ledger)
    headers = {
        "Authorization": f"Bearer {AccessKeys(ledger, 'here').create('caller', [Scope.SUBMIT])}",
        "Content-Type": "application/jsonl",
    }
    first, url = start()
    errors: list[requests.RequestException] = []

    def send() -> None:
        try:
            requests.post(f"{url}/v1/batches/b", data=BODY, headers=headers, timeout=120)
        except requests.RequestException as error:
            errors.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    until(lambda: queue.find("b"), "the first page is written")
    first.signal(signal.SIGKILL)
    first.end()
    sender.join(60)
    assert errors
    view = queue.status("b")
    assert PAGE <= view.total < EDITS
    assert [pause.cause for pause in view.paused] == ["arriving"]
    assert ledger.worker.claim("w", lease_ms=60_000, places=100).claims == []

    _, url = start()
    answer = requests.post(f"{url}/v1/batches/b", data=BODY, headers=headers, timeout=120)
    assert answer.status_code == 201
    assert answer.json()["accepted"] + answer.json()["already"] == EDITS
    assert [found.batch for found in queue.batches()] == ["b"]
    view = queue.status("b")
    assert (view.total, view.paused) == (EDITS, ())
    assert len(ledger.worker.claim("w", lease_ms=60_000, places=100).claims) > 0
