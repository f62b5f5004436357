"""Ledger calls from the event loop: they run in threads, and wait while Redis is not available."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import structlog

from retouch.errors import LedgerAwayError, LedgerRefusedError
from retouch.provider.backoff import retry_delay_s

log = structlog.get_logger()
P = ParamSpec("P")
T = TypeVar("T")

THREADS = 4
LONGEST_PAUSE_S = 1.0  # so that work goes on within seconds of Redis' return


class LedgerCalls:
    """Runs blocking ledger calls in threads; waits out an outage of Redis and says so once.

    A call that was cut off is made again: every move is idempotent or guarded by a fence.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="ledger")
        self._away = False

    async def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the call returns, however long Redis is away; other errors are raised."""
        loop = asyncio.get_running_loop()
        tries = 0
        while True:
            try:
                answer = await loop.run_in_executor(self._threads, lambda: call(*args, **kwargs))
            except (LedgerAwayError, LedgerRefusedError) as error:
                if not self._away:
                    self._away = True
                    log.error("redis.unavailable", reason=str(error), consequence="work waits until it answers")
                await asyncio.sleep(min(retry_delay_s(tries, random.random()), LONGEST_PAUSE_S))
                tries += 1
            else:
                if self._away:
                    self._away = False
                    log.info("redis.back")
                return answer

    def close(self) -> None:
        """End the threads; calls under way go on to their end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
