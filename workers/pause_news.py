"""Tells the other workers at once that the API asks to wait, so that they hold back what they are about to send.

The ledger has the pause, and tells of it with every claim; but a worker with hundreds of submits on their way has sent
many more by its next claim. Best effort: what is not heard here is heard there.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from retouch.errors import LedgerError
from retouch.ledger import Worker

log = structlog.get_logger()

LISTEN_MS = 500  # in one call: as long as a worker that ends waits for its thread
AGAIN_S = 1.0

Hear = Callable[[str, int], None]  # kind of request, until (ms, wall clock of the Redis server)


class PauseNews:
    """Tells what this process was asked to wait, and hears what others were.

    In threads of its own: while steps begin, the event loop gets round to nothing for a tenth of a second.
    """

    def __init__(self, ledger: Worker) -> None:
        self._ledger = ledger
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="pause news")
        self._ended = threading.Event()

    def tell(self, kind: str, until_ms: int) -> None:
        """Tell all workers not to send requests of a kind until then; returns at once."""
        if not self._ended.is_set():
            self._threads.submit(self._tell, kind, until_ms)

    async def run(self, hear: Hear) -> None:
        """Listen until cancelled. ``hear`` is called in another thread."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._listen, hear)
        finally:
            self.close()

    def close(self) -> None:
        """Tell and hear nothing more."""
        self._ended.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _tell(self, kind: str, until_ms: int) -> None:
        try:
            self._ledger.tell_wait(kind, until_ms)
        except LedgerError as error:
            log.debug("pause_news.not_told", reason=str(error))

    def _listen(self, hear: Hear) -> None:
        last = "0-0"  # those that are over hold nothing back
        while not self._ended.is_set():
            try:
                for wait in self._ledger.hear_waits(last, LISTEN_MS):
                    last = wait.stream_id
                    hear(wait.kind, wait.until)
            except LedgerError as error:
                log.debug("pause_news.not_heard", reason=str(error))
                self._ended.wait(AGAIN_S)
