"""Checks that results can be written to the store before edits are submitted, or their results taken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice

import structlog

from retouch import object_keys
from retouch.causes import Fared
from retouch.errors import StoreError, StoreRefusedError
from retouch.ledger import NOW, Seen, Worker
from retouch.media.store import Store
from workers.ledger_calls import LedgerCalls
from workers.pauses import STORE, Pauses

log = structlog.get_logger()

HANGS = "results are neither stored nor refused: S3, or the results' host, does not answer"

EVERY_S = 2.0
TELL_EVERY_S = 30.0  # while this worker cannot store: others may, and end the pause each time
FAILURES = 3  # temporary errors in a row before this worker takes nothing on
HANGING, HANG_S = 3, 10.0  # so many edits are copied for so long, and none was kept meanwhile


class StoreWatch:
    """Checks the store until it accepts an object: at the start, after a refusal, and while submits pause for it.

    A worker that cannot store claims nothing; whoever can ends the pause. ``prefix`` stands before every key.
    """

    def __init__(self, store: Store, prefix: str, ledger: Worker, call: LedgerCalls, pauses: Pauses) -> None:
        self._store = store
        self._key = object_keys.probe(prefix)
        self._ledger = ledger
        self._call = call
        self._pauses = pauses
        self._failures = FAILURES  # not good before it was asked
        self._told_at = self._kept_at = float("-inf")
        self._copies: dict[object, float] = {}  # those under way, the oldest first: when each began
        self._wanted = asyncio.Event()
        self.looked = asyncio.Event()  # the store was asked once: submits may begin

    @property
    def good(self) -> bool:
        """Whether this worker can store results, as far as it knows."""
        return self._failures < FAILURES

    async def run(self) -> None:
        """Check the store while there is a reason, every two seconds, until cancelled."""
        while True:
            if self._hangs():
                await self._tell("fetch:", HANGS, "nothing new is submitted until one is")
            if not self.good or self._wanted.is_set() or STORE in self._pauses.in_force:
                self._wanted.clear()
                await self._check()
                self.looked.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), EVERY_S)

    @contextmanager
    def copying(self) -> Iterator[None]:
        """An edit's results are being copied."""
        copy = object()
        self._copies[copy] = time.monotonic()
        try:
            yield
        finally:
            del self._copies[copy]

    def succeeded(self) -> None:
        """A result was stored."""
        self._failures, self._kept_at = 0, time.monotonic()

    def failed(self, error: StoreError) -> None:
        """A result, or a batch's file, was not stored."""
        was_good = self.good
        self._failures = FAILURES if isinstance(error, StoreRefusedError) else self._failures + 1
        if was_good and not self.good:
            self._wanted.set()

    async def _check(self) -> None:
        try:
            await self._store.put(self._key, b"", "application/octet-stream")
            with suppress(StoreError):  # a role that may only put is enough for results
                await self._store.delete(self._key)
        except StoreError as error:
            self._failures = FAILURES
            await self._tell("store", str(error), "this worker takes no work until it can store")
        else:
            self.succeeded()
            if STORE in self._pauses.in_force:
                await self._call(lambda: self._ledger.observe(good={"put": NOW}))

    def _hangs(self) -> bool:
        """Nothing fails, and nothing comes to an end: a server that was stopped, or a line that was cut."""
        began = next(islice(self._copies.values(), HANGING - 1, None), float("inf"))
        return time.monotonic() - max(began, self._kept_at) > HANG_S

    async def _tell(self, kind: str, reason: str, consequence: str) -> None:
        if time.monotonic() - self._told_at < TELL_EVERY_S:
            return
        self._told_at = time.monotonic()
        log.error("store.unusable", reason=reason, consequence=consequence)
        seen = Seen(kind, NOW, Fared.FAILED, reason[:500])
        await self._call(lambda: self._ledger.observe(seen=[seen]))
