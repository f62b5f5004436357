"""What this process knows of pauses: the dispatcher learns of them with every claim, a step by its own answer."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from retouch.causes import PauseCause
from retouch.ledger import InForce
from workers.server_clock import ServerClock

log = structlog.get_logger()

UNTIL_TOLD_MS = 1000  # for so long a process holds requests back by itself; by then the ledger has told it more
STORE = f"submit:{PauseCause.STORE}"


class Pauses:
    """The pauses in force, and until when nothing of a kind may go. Not thread-safe: used on the event loop only."""

    def __init__(self, clock: ServerClock) -> None:
        self._clock = clock
        # Kind of request → ms, wall clock of the Redis server: as the ledger says, and by this process's own answers.
        self._told_until: dict[str, float] = {}
        self._held_until: dict[str, float] = {}
        self.in_force: Mapping[str, InForce] = {}

    def see(self, pauses: Mapping[str, InForce]) -> None:
        """Take note of the pauses that a claim was told of; what is new, or over, is logged."""
        self._told_until = {name.partition(":")[0]: pause.ends for name, pause in pauses.items() if pause.ends}
        for name, pause in pauses.items():
            if name not in self.in_force:
                log.error("requests.paused", pause=name, reason=pause.reason)
        for name in self.in_force.keys() - pauses.keys():
            log.info("requests.resumed", pause=name)
        self.in_force = pauses

    def hold(self, kind: str, wait_s: float) -> None:
        """Hold back what this process is about to send: the API asks to wait."""
        until_ms = self._clock.now_ms() + min(1000 * wait_s, UNTIL_TOLD_MS)
        self._held_until[kind] = max(until_ms, self._held_until.get(kind, 0.0))

    def may_send(self, kind: str) -> bool:
        """Tell whether no Retry-After for this kind of request is running. Asked right before a request is written."""
        return self._clock.now_ms() >= max(self._told_until.get(kind, 0.0), self._held_until.get(kind, 0.0))
