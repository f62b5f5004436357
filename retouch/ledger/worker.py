"""What workers do to the ledger: claim steps, begin them, settle them; pause and resume requests; be seen."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence

from retouch.causes import AmbiguityPolicy, PauseCause
from retouch.ledger.claims import UNPACED, BegunPoll, BegunSubmit, Claim, Harvest, Intervals, Settlement
from retouch.ledger.connection import Connection
from retouch.ledger.constants import PAGE
from retouch.states import Step

RETENTION_MS = 7 * 86_400_000
WORKER_SEEN_MS = 6_000  # a worker that was not seen for this long counts as gone


class Worker:
    """The moves of a worker. Each is one Lua script, so that it happens whole or not at all.

    A call that was cut off may be made again: every move is idempotent or guarded by a fence.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._run = connection.run

    # --- claims ----------------------------------------------------------------------------------

    def claim(
        self,
        holder: str,
        *,
        lease_ms: int,
        places: int,
        submits: int = PAGE,
        polls: int = PAGE,
        deliveries: int = PAGE,
        intervals: Intervals = UNPACED,
        policy: AmbiguityPolicy = AmbiguityPolicy.RESUBMIT,
    ) -> Harvest:
        """Take up to so many steps of each kind that are due.

        ``places``: how many images may be at the API, for all workers together; 0: learned from its responses.
        ``intervals``: how far apart requests to the API lie, again for all workers together. ``policy``: as for
        ``begin_submit``.
        """
        answer = self._run("claim", lease_ms, holder, submits, polls, deliveries, places, *intervals, policy)
        next_due, paused, claims = answer
        taken = [Claim(member, int(fence), Step(step), int(at)) for member, fence, step, at in claims]
        return Harvest(taken, None if next_due == "-1" else int(next_due), bool(paused))

    def renew(self, claims: Iterable[Claim], lease_ms: int) -> list[str]:
        """Hold on to claims for another lease; returns the members that somebody else has by now."""
        args = [part for c in claims for part in (c.member, c.fence, c.step.value)]
        return list(self._run("renew", lease_ms, *args)) if args else []

    def give_back(self, claims: Iterable[Claim]) -> None:
        """End claims whose work has not begun: they are due at once."""
        self.renew(claims, 0)

    def begin_submit(self, claims: Sequence[Claim], policy: AmbiguityPolicy, lease_ms: int) -> list[BegunSubmit | None]:
        """Write down that these edits are about to be sent, and begin their lease anew.

        ``policy`` decides for those that may have been sent before. None: not to be sent (the claim is lost, or the
        policy ended it).
        """
        args = [part for c in claims for part in (c.member, c.fence)]
        return [BegunSubmit.parse(a) if a else None for a in self._run("begin_submit", lease_ms, policy, *args)]

    def begin_poll(self, claims: Sequence[Claim], lease_ms: int) -> list[BegunPoll | None]:
        """Read the edits behind claims for a poll, and begin their lease anew; None where the claim is lost."""
        answers = self._run("begin_poll", lease_ms, *(part for c in claims for part in (c.member, c.fence)))
        return [BegunPoll.parse(a) if a else None for a in answers]

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Apply settlements; False for each whose claim was lost: it changed nothing."""
        items = json.dumps([s.to_json() for s in settlements], separators=(",", ":"))
        return [bool(v) for v in self._run("settle", items)]

    def settle_batch(
        self, claim: Claim, *, retention_ms: int = RETENTION_MS, retry_in_ms: int | None = None, note: str = ""
    ) -> bool:
        """End the claim on a batch: finished, and to be removed after ``retention_ms``.

        With ``retry_in_ms`` it is to be tried again instead, for the reason in ``note``.
        """
        delay = -1 if retry_in_ms is None else retry_in_ms
        return bool(self._run("settle_batch", claim.member, claim.fence, delay, note[:200], retention_ms))

    def settle_deliveries(self, outcomes: Sequence[tuple[Claim, int | None]]) -> None:
        """End deliveries: with the ms until the next try, or None when delivered or given up."""
        args = [p for c, delay in outcomes for p in (c.member, c.fence, -1 if delay is None else delay)]
        self._run("settle_delivery", *args)

    # --- pauses ----------------------------------------------------------------------------------

    def pause(self, cause: PauseCause, reason: str, *, probe_every_ms: int) -> bool:
        """Pause requests; every ``probe_every_ms`` (growing to 30 s) one is let through. True if the pause is new.

        With 0, none is let through: only ``resume`` ends the pause.
        """
        return bool(self._run("pause", cause, reason[:500], probe_every_ms))

    def trouble(self, reason: str, *, probe_every_ms: int) -> bool:
        """Note that the API was in trouble: some times in a row make an outage (a pause). True if it begins."""
        return bool(self._run("trouble", reason[:500], probe_every_ms))

    def resume(self, *causes: PauseCause, sent_ms: int | None = None) -> int:
        """End pauses; returns how many there were.

        ``sent_ms``: when the request was sent that proves the API willing; later refusals outweigh it.
        """
        return int(self._run("resume", "" if sent_ms is None else sent_ms, *causes))

    # --- presence --------------------------------------------------------------------------------

    def see_worker(self, name: str, sinks: Iterable[str]) -> None:
        """Note that a worker lives, and the sinks that events are to be delivered to."""
        self._run("see_worker", name, ",".join(sorted(sinks)), WORKER_SEEN_MS, secrets.token_hex(8))

    def forget_worker(self, name: str) -> None:
        """Note that a worker has ended."""
        self._connection.remove(self._connection.keys.workers, name)

    def messages(self, queue: str) -> int:
        """How many messages wait in a queue of Celery's, whose keys begin like the ledger's."""
        return int(self._connection.read("LLEN", self._connection.keys.prefix + queue))
