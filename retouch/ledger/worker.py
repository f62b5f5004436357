"""How workers change the ledger: claim, begin and settle steps; pause and resume requests; report themselves alive."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence

from retouch.causes import AmbiguityPolicy, PauseCause
from retouch.ledger.claims import UNPACED, BegunPoll, BegunSubmit, Claim, Harvest, Intervals, Settlement, Step
from retouch.ledger.connection import Connection
from retouch.ledger.constants import PAGE

RETENTION_MS = 7 * 86_400_000
WORKER_SEEN_MS = 6_000  # a worker that was not seen for this long counts as dead


class Worker:
    """The moves of a worker. Each is one Lua script, so it happens completely or not at all.

    A call that was cut off may be repeated: every move is idempotent or guarded by a fence.
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
        """Claim steps that are due, at most so many of each kind.

        ``places``: how many images may be at the API, for all workers together; 0: learned from its responses.
        ``intervals``: the least time between requests to the API, for all workers together. ``policy``: as for
        ``begin_submit``.
        """
        answer = self._run("claim", lease_ms, holder, submits, polls, deliveries, places, *intervals, policy)
        next_due, paused, claims = answer
        taken = [Claim(member, int(fence), Step(step), int(at)) for member, fence, step, at in claims]
        return Harvest(taken, None if next_due == "-1" else int(next_due), bool(paused))

    def renew(self, claims: Iterable[Claim], lease_ms: int) -> list[str]:
        """Extend claims by another lease; returns the members whose claim is lost."""
        args = [part for c in claims for part in (c.member, c.fence, c.step.value)]
        return list(self._run("renew", lease_ms, *args)) if args else []

    def give_back(self, claims: Iterable[Claim]) -> None:
        """End claims whose work has not begun; they are due at once."""
        self.renew(claims, 0)

    # A claim is begun by one call alone, however often its message is delivered. ``nonce`` names the call: the same one
    # may be made again when its answer was lost.

    def begin_submit(
        self, claims: Sequence[Claim], policy: AmbiguityPolicy, lease_ms: int, *, nonce: str
    ) -> list[BegunSubmit | None]:
        """Record that these edits are about to be sent, and restart their lease.

        ``policy`` decides about those that may have been sent before. None: do not send (the claim is lost, another
        call has begun it, or the policy ended the edit).
        """
        args = [part for c in claims for part in (c.member, c.fence)]
        answers = self._run("begin_submit", lease_ms, nonce, policy, *args)
        return [BegunSubmit.parse(a) if a else None for a in answers]

    def begin_poll(self, claims: Sequence[Claim], lease_ms: int, *, nonce: str) -> list[BegunPoll | None]:
        """Read the edits of claims for a poll, and restart their lease; None: the claim is lost, or begun already."""
        args = [part for c in claims for part in (c.member, c.fence)]
        answers = self._run("begin_poll", lease_ms, nonce, *args)
        return [BegunPoll.parse(a) if a else None for a in answers]

    def begin(self, claims: Sequence[Claim], lease_ms: int, *, nonce: str) -> list[Claim]:
        """Restart the lease of the claims of batches or deliveries; returns those that this call may work on."""
        args = [part for c in claims for part in (c.member, c.fence, c.step.value)]
        answers = self._run("begin", lease_ms, nonce, *args)
        return [c for c, ours in zip(claims, answers, strict=True) if ours]

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Apply settlements; False for each whose claim was lost, which changed nothing."""
        items = json.dumps([s.to_json() for s in settlements], separators=(",", ":"))
        return [bool(v) for v in self._run("settle", items)]

    def settle_batch(
        self, claim: Claim, *, retention_ms: int = RETENTION_MS, retry_in_ms: int | None = None, note: str = ""
    ) -> bool:
        """End the claim of a batch: it is finished, and removed after ``retention_ms``.

        With ``retry_in_ms`` it is tried again instead, for the reason in ``note``.
        """
        delay = -1 if retry_in_ms is None else retry_in_ms
        return bool(self._run("settle_batch", claim.member, claim.fence, delay, note[:200], retention_ms))

    def settle_deliveries(self, outcomes: Sequence[tuple[Claim, int | None]]) -> None:
        """End deliveries, each with the ms until the next attempt, or None if it is delivered or given up."""
        args = [p for c, delay in outcomes for p in (c.member, c.fence, -1 if delay is None else delay)]
        self._run("settle_delivery", *args)

    # --- pauses ----------------------------------------------------------------------------------

    def pause(self, cause: PauseCause, reason: str, *, probe_every_ms: int) -> bool:
        """Pause requests; every ``probe_every_ms`` (growing to 30 s) one probe is allowed. True if the pause is new.

        With 0 no probe is allowed: only ``resume`` ends the pause.
        """
        return bool(self._run("pause", cause, reason[:500], probe_every_ms))

    def trouble(self, reason: str, *, probe_every_ms: int) -> bool:
        """Record an error of the API; five in a row are an outage (a pause). True if one begins."""
        return bool(self._run("trouble", reason[:500], probe_every_ms))

    def resume(self, *causes: PauseCause, sent_ms: int | None = None) -> int:
        """End pauses; returns how many there were.

        ``sent_ms``: when the successful request was sent; a pause for a later refusal stays.
        """
        return int(self._run("resume", "" if sent_ms is None else sent_ms, *causes))

    # --- presence --------------------------------------------------------------------------------

    def see_worker(self, name: str, sinks: Iterable[str]) -> None:
        """Record that a worker is alive, and the sinks that events are delivered to."""
        self._run("see_worker", name, ",".join(sorted(sinks)), WORKER_SEEN_MS, secrets.token_hex(8))

    def forget_worker(self, name: str) -> None:
        """Record that a worker has ended."""
        self._connection.remove(self._connection.keys.workers, name)

    def messages(self, queue: str) -> int:
        """How many messages wait in a queue of Celery, whose keys have the same namespace."""
        return int(self._connection.read("LLEN", self._connection.keys.prefix + queue))
