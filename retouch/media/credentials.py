"""The credentials for S3: boto3 finds and renews them, in a thread, since it may have to ask another host or a process.

boto3 alone renews them in the middle of the call that needs them. On the event loop that would stop every request of
the process for as long as the other side takes.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from retouch.errors import StoreError, StoreUnavailableError

# boto3 renews a role's credentials 15 minutes before their end, and gives none out that end within 10: what was loaded
# five minutes ago is good for as long again.
FRESH_S = 60.0
USABLE_S = 300.0
AGAIN_S = 1.0  # after an attempt that failed


class AccessKey(NamedTuple):
    """What requests are signed with."""

    name: str
    secret: str
    token: str | None


class Credentials:
    """The newest access key. ``load`` is called in a thread, one at a time; what it raises becomes a StoreError.

    Not thread-safe: used on one event loop only.
    """

    def __init__(self, load: Callable[[], AccessKey], as_store_error: Callable[[Exception], StoreError]) -> None:
        self._load = load
        self._as_store_error = as_store_error
        self._key: AccessKey | None = None
        self._trouble: StoreError | None = None
        self._renewal: asyncio.Future[None] | None = None
        self._asked_at = self.loaded_at = float("-inf")  # monotonic

    async def get(self, within_s: float) -> AccessKey:
        """The key, renewed if it is due. Raises StoreError if none comes within so many seconds of the question."""
        now = time.monotonic()
        if now - self.loaded_at > FRESH_S and not self._renewal and now - self._asked_at > AGAIN_S:
            self._renew(now)
        if self._renewal and now - self.loaded_at > USABLE_S:
            await asyncio.wait([self._renewal], timeout=max(0.0, self._asked_at + within_s - now))
        return self.held()

    def held(self) -> AccessKey:
        """The key that is here, without a wait. Raises StoreError if it is too old, and says why there is no other."""
        now = time.monotonic()
        if self._key and now - self.loaded_at <= USABLE_S:
            return self._key
        raise self._trouble or StoreUnavailableError(
            f"AWS credentials cannot be renewed: no answer for {now - self._asked_at:.0f} s"
        )

    def _renew(self, now: float) -> None:
        self._asked_at, self._trouble = now, None
        loop = asyncio.get_running_loop()
        self._renewal = loop.create_future()

        def work() -> None:
            outcome: AccessKey | Exception
            try:
                outcome = self._load()
            except Exception as error:  # boto3's sources raise errors of many kinds
                outcome = error
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._renewed, outcome)

        # A daemon, and none of the loop's own threads: it may be stuck for ever, and must not keep the process.
        threading.Thread(target=work, name="retouch-credentials", daemon=True).start()

    def _renewed(self, outcome: AccessKey | Exception) -> None:
        if isinstance(outcome, Exception):
            self._trouble = self._as_store_error(outcome)
        else:
            self._key, self.loaded_at = outcome, self._asked_at  # it may be as old as the question
        renewal, self._renewal = self._renewal, None
        if renewal and not renewal.done():
            renewal.set_result(None)
