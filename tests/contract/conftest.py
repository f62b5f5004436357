"""A ledger for its tests: once over fakeredis, once over a real Valkey."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from tests.harness.redis_client import connect
from tests.ledger_bench import Bench
from workers.stack.valkey import Valkey


@pytest.fixture
def bench(redis_client: redis.Redis) -> Bench:
    """An empty ledger."""
    return Bench(redis_client)


@pytest.fixture(scope="module")
def server(valkey: Valkey) -> Iterator[redis.Redis]:
    """A real server, for what makes an empty ledger many times over: it runs Lua ten times as fast as the fake."""
    if not valkey.child.running:  # a test that killed it need not mend it
        valkey.start()
    with connect(valkey.url) as client:
        yield client
