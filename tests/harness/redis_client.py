"""A client of a test's own Redis, which is as patient as a machine under load needs it."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.harness.waiting import LIMIT_S


def connect(url: str, *, decode_responses: bool = True) -> redis.Redis:
    """A client that sends no command a second time.

    By default redis-py gives up on an answer after 5 s, and asks up to ten times more: a move of the ledger would run
    twice behind the back of a test, which compares what it has asked for.
    """
    once = Retry(NoBackoff(), retries=0)
    return redis.Redis.from_url(url, decode_responses=decode_responses, socket_timeout=LIMIT_S, retry=once)
