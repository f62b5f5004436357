"""A ledger for its tests: once over fakeredis, once over a real Valkey."""

from __future__ import annotations

import pytest
import redis

from tests.ledger_bench import Bench


@pytest.fixture
def bench(redis_client: redis.Redis) -> Bench:
    """An empty ledger."""
    return Bench(redis_client)
