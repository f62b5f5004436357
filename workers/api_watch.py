"""Asks the API whether it answers at all: for the status of no edit, which costs nothing."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import structlog

from retouch.causes import Fared
from retouch.errors import ApiError, HeldBackError, NotSentError, RefusedError, ThrottledError, UnavailableError
from retouch.ledger import Seen, Worker
from retouch.provider.client import Img2ImgApi
from retouch.provider.error_text import says_the_same
from workers.ledger_calls import LedgerCalls
from workers.pacer import Pacer
from workers.pauses import Pauses
from workers.server_clock import ServerClock

log = structlog.get_logger()


class ApiWatch:
    """Asks at the start, so that a wrong address is said before anything is submitted, and in outages of submits."""

    def __init__(
        self, api: Img2ImgApi, ledger: Worker, call: LedgerCalls, clock: ServerClock, pacer: Pacer, pauses: Pauses
    ) -> None:
        self._api = api
        self._ledger = ledger
        self._call = call
        self._clock = clock
        self._pacer = pacer
        self._pauses = pauses
        self._unknown: str | None = None  # what the API says of an id that it never gave

    async def look(self, at_ms: int) -> bool:
        """Ask at the start, and say what looks wrong; nothing is concluded from it. False: one more look is needed.

        A host that says of an id what it says of a path that nobody has is perhaps no API.
        """
        if self._unknown is not None:
            error = await self._ask(at_ms, self._api.nowhere)
            if isinstance(error, RefusedError) and says_the_same(str(error), self._unknown):
                _tell_wrong(error)
            return True
        error = await self._ask(at_ms, self._status)
        if isinstance(error, RefusedError) and not error.definite:
            _tell_wrong(error)
        elif isinstance(error, RefusedError):
            self._unknown = str(error)
            return False
        elif isinstance(error, NotSentError | UnavailableError):
            log.warning("api.not_reached", reason=str(error), remedy="is RETOUCH_API_URL that of an API, and is it up?")
        return True

    async def ask(self, at_ms: int) -> None:
        """Ask in an outage, and tell the ledger whether there was an answer."""
        began = time.monotonic()
        sent_ms = int(self._clock.now_ms())
        error = await self._ask(at_ms, self._status)
        fared, wait_ms = Fared.ANSWERED, 0
        if isinstance(error, HeldBackError):
            return
        if isinstance(error, ThrottledError) or (error is not None and error.retry_after_s is not None):
            fared, wait_ms = Fared.THROTTLED, int(1000 * (error.retry_after_s or 1))
        elif error is not None and not isinstance(error, RefusedError):
            fared = Fared.SILENT
        log.info("api.asked", fared=fared, reason=str(error or ""), seconds=round(time.monotonic() - began, 3))
        seen = Seen("status", sent_ms, fared, str(error or "it answers")[:500], wait_ms)
        await self._call(lambda: self._ledger.observe(seen=[seen]))

    async def _ask(self, at_ms: int, question: Callable[[Callable[[], bool]], Awaitable[object]]) -> ApiError | None:
        await self._pacer.wait(at_ms)
        try:
            await question(lambda: self._pauses.may_send("status"))
        except ApiError as error:
            return error
        return None

    async def _status(self, may_go: Callable[[], bool]) -> None:
        await self._api.status(str(uuid4()), may_go)


def _tell_wrong(error: RefusedError) -> None:
    log.error("api.looks_wrong", reason=str(error), remedy="check RETOUCH_API_URL: no API answers like that")
