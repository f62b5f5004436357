"""What this process knows of pauses: by every claim, by its own answers, and by those of the other workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from retouch.advice.pauses import remedy_of
from retouch.causes import PauseCause
from retouch.ledger import InForce
from workers.server_clock import ServerClock

log = structlog.get_logger()

UNTIL_TOLD_MS = 1000  # for so long a process holds requests back by itself; by then the ledger has told it more
NEWS_MS = 100  # a wait that ends so much later is worth telling: hundreds may be asked to wait at once
STORE = f"submit:{PauseCause.STORE}"


class Pauses:
    """The pauses in force, and until when nothing of a kind may go.

    ``tell`` gets what the other workers are to be told. Used on the event loop only, but for ``hear``.
    """

    def __init__(self, clock: ServerClock, tell: Callable[[str, int], None]) -> None:
        self._clock = clock
        self._tell = tell
        # Kind of request → ms, wall clock of the Redis server: as the ledger says, by this process's own
        # answers, and as other workers tell.
        self._told_until: dict[str, float] = {}
        self._held_until: dict[str, float] = {}
        self._heard_until: dict[str, float] = {}
        self._news_until: dict[str, float] = {}  # what the others were told last
        self.in_force: Mapping[str, InForce] = {}

    def see(self, pauses: Mapping[str, InForce]) -> None:
        """Take note of the pauses that a claim was told of; what is new, or over, is logged."""
        self._told_until = {name.partition(":")[0]: pause.ends for name, pause in pauses.items() if pause.ends}
        for name, pause in pauses.items():
            if name not in self.in_force:
                log.error("requests.paused", pause=name, reason=pause.reason, remedy=remedy_of(name))
        for name in self.in_force.keys() - pauses.keys():
            log.info("requests.resumed", pause=name)
        self.in_force = pauses

    def hold(self, kind: str, wait_s: float) -> None:
        """Hold back what is about to be sent, here and by the other workers: the API asks to wait."""
        until_ms = self._clock.now_ms() + min(1000 * wait_s, UNTIL_TOLD_MS)
        self._held_until[kind] = max(until_ms, self._held_until.get(kind, 0.0))
        if until_ms - self._news_until.get(kind, 0.0) > NEWS_MS:
            self._news_until[kind] = until_ms
            self._tell(kind, int(until_ms))

    def hear(self, kind: str, until_ms: int) -> None:
        """Hold back what is about to be sent until then, as another worker tells. Called in one thread alone."""
        self._heard_until[kind] = max(until_ms, self._heard_until.get(kind, 0.0))

    def may_send(self, kind: str) -> bool:
        """Tell whether no Retry-After for this kind of request is running. Asked right before a request is written."""
        known = (self._told_until, self._held_until, self._heard_until)
        return self._clock.now_ms() >= max(until.get(kind, 0.0) for until in known)
