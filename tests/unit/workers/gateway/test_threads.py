"""Where S3 hangs, what needs it waits, and nothing else of the gateway."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import pytest

from retouch.errors import StoreUnavailableError
from retouch.ledger import Ledger
from tests.harness.waiting import LIMIT_S, until
from tests.unit.workers.gateway.conftest import Caller, Client
from tests.unit.workers.gateway.test_batches import end, fill

MANY = 50  # more than the gateway has threads
UPLOAD = {"sha256": "0" * 64, "size": 9, "content_type": "image/png"}


class Hanging:
    """What answers nobody until ``ends`` is set, and then fails; ``waiting`` counts those who have asked."""

    def __init__(self) -> None:
        self.ends = threading.Event()
        self.waiting = 0

    def __call__(self, *_: object) -> NoReturn:
        self.waiting += 1
        self.ends.wait(LIMIT_S)
        raise StoreUnavailableError("S3 is away")


@pytest.mark.parametrize(
    ("path", "hangs"),
    [
        ("/openai/v1/files", "workers.gateway.openai.shelf.Shelf.all"),
        ("/openai/v1/batches/b", "workers.gateway.openai.records.BatchRecords.find"),
        ("/v1/batches/b/results", "workers.gateway.native.batches.ended_once"),
        ("/v1/uploads", "workers.gateway.native.uploads.object_keys.uploads"),
    ],
)
def test_an_s3_that_hangs_takes_no_threads_of_others(
    client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, path: str, hangs: str
) -> None:
    """Keys are checked, batches are told of, and the gateway is ready: those need Redis alone."""
    fill(ledger)
    end(ledger)
    caller, s3 = client(), Hanging()
    method, body = ("POST", UPLOAD) if path == "/v1/uploads" else ("GET", None)

    def lazily(*_: object) -> Iterator[NoReturn]:
        yield s3()

    monkeypatch.setattr(hangs, lazily if path.endswith("/results") else lambda *_: s3())
    with ThreadPoolExecutor(MANY) as many:
        try:
            for _ in range(MANY):
                many.submit(Caller(caller.url, caller.token).request, method, path, json=body)
            until(lambda: s3.waiting >= 16, "they wait for S3")
            assert caller.get("/v1/batches/b", timeout=LIMIT_S).status_code == 200
            assert caller.get("/readyz", timeout=LIMIT_S).status_code == 200
            assert s3.waiting == 16
        finally:
            s3.ends.set()
