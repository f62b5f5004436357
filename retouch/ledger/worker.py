"""How workers change the ledger: claim, begin and settle steps; pause and resume requests; report themselves alive."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from retouch.causes import AmbiguityPolicy
from retouch.ledger.claims import (
    UNPACED,
    BegunPoll,
    BegunSubmit,
    Claim,
    Delivery,
    DeliverySettled,
    Harvest,
    InForce,
    Intervals,
    Policy,
    Seen,
    Settled,
    Settlement,
    Step,
    Wait,
)
from retouch.ledger.connection import Connection
from retouch.ledger.constants import PAGE, Finish
from retouch.ledger.crew import Heartbeat
from retouch.ledger.sinks import Named, types_text
from retouch.price import Price

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
        ask: bool = False,
        sinks: Mapping[str, int] = MappingProxyType({}),
    ) -> Harvest:
        """Claim steps that are due, at most so many of each kind.

        ``places``: how many images may be at the API, for all workers together; 0: learned from its responses.
        ``intervals``: the least time between requests to the API, for all workers together. ``policy``: as for
        ``begin_submit``. ``ask``: a time is wanted to ask the API whether it answers. ``sinks``: those whose
        deliveries this worker makes, each with how many at most; ``deliveries``: how many to the sinks of batches.
        """
        limits = (submits, polls, deliveries, places, *intervals)
        own = ",".join(f"{name}={most}" for name, most in sinks.items())
        answer = self._run("claim", lease_ms, holder, *limits, policy, int(ask), own)
        next_due, now, pauses, ask_at, claims = answer
        taken = [Claim(member, int(fence), Step(step), int(at)) for member, fence, step, at in claims]
        return Harvest(
            taken,
            None if next_due == "-1" else int(next_due),
            int(now),
            {name: InForce(int(ends), reason) for name, ends, reason in pauses},
            None if ask_at == "-1" else int(ask_at),
        )

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
        self, claims: Sequence[Claim], policy: Policy, lease_ms: int, *, nonce: str, unsigned: str = "", daily: int = 0
    ) -> list[BegunSubmit | None]:
        """Record that these edits are about to be sent, and restart their lease.

        ``policy`` decides about those that may have been sent before. ``unsigned``: why links to images in S3 cannot be
        signed; edits that need one are put off, with it as their note. ``daily``: what all submits of a day may cost
        (micro-units; 0: no matter); a batch's own budget binds as well. None: do not send (the claim is lost, another
        call has begun it, submits pause, the money is used up, it is put off, or the policy ended the edit).
        """
        args = [part for c in claims for part in (c.member, c.fence)]
        answers = self._run("begin_submit", lease_ms, nonce, *policy, unsigned[:200], daily or "", *args)
        return [BegunSubmit.parse(a) if a else None for a in answers]

    def begin_poll(
        self, claims: Sequence[Claim], lease_ms: int, deadline_ms: int, *, nonce: str
    ) -> list[BegunPoll | None]:
        """Read the edits of claims for a poll, and restart their lease; None as for ``begin_submit``.

        ``deadline_ms``: for an edit that has no deadline, since a retry asks about it.
        """
        args = [part for c in claims for part in (c.member, c.fence)]
        answers = self._run("begin_poll", lease_ms, nonce, deadline_ms, *args)
        return [BegunPoll.parse(a) if a else None for a in answers]

    def begin(self, claims: Sequence[Claim], lease_ms: int, *, nonce: str) -> list[Claim]:
        """Restart the lease of the claims of batches or deliveries; returns those that this call may work on."""
        args = [part for c in claims for part in (c.member, c.fence, c.step.value)]
        answers = self._run("begin", lease_ms, nonce, *args)
        return [c for c, ours in zip(claims, answers, strict=True) if ours]

    def keep_link(self, claim: Claim, link: str) -> None:
        """Keep the link that an edit is sent with, so that it is sent with the same one under the same number."""
        self._run("keep_link", claim.member, claim.fence, link)

    def settle(self, settlements: Sequence[Settlement]) -> list[Settled]:
        """Apply settlements; returns what became of each."""
        items = json.dumps([s.to_json() for s in settlements], separators=(",", ":"))
        return [Settled(v) for v in self._run("settle", items)]

    def observe(self, *, good: Mapping[str, int] | None = None, seen: Sequence[Seen] = ()) -> None:
        """Record how requests fared that belong to no edit."""
        item = {name: value for name, value in (("good", good), ("seen", seen)) if value}
        self._run("settle", json.dumps([item]))

    def settle_batch(
        self, claim: Claim, did: Finish, *, retention_ms: int = RETENTION_MS, retry_in_ms: int = 0, note: str = ""
    ) -> bool:
        """End the claim of a batch, by what was done: one whose files are written is removed after ``retention_ms``.

        AGAIN: it is tried again in ``retry_in_ms``, for the reason in ``note``. False: the claim is lost.
        """
        return bool(self._run("settle_batch", claim.member, claim.fence, did, retry_in_ms, note[:200], retention_ms))

    def settle_deliveries(self, deliveries: Iterable[Delivery]) -> list[DeliverySettled]:
        """End the claims of deliveries; returns what became of each."""
        args = [
            part
            for c, outcome, reason, delay_ms, wait_ms in deliveries
            for part in (c.member, c.fence, outcome, delay_ms, reason[:500], wait_ms)
        ]
        return [DeliverySettled(v) for v in self._run("settle_delivery", *args)]

    # --- pauses ----------------------------------------------------------------------------------

    def pause(self, name: str, reason: str) -> bool:
        """Pause requests by hand (``submit:person``) until they are resumed. True if the pause is new."""
        return bool(self._run("pause", name, reason[:500]))

    def resume(self, *names: str) -> int:
        """End pauses (``KIND:CAUSE``); returns how many there were."""
        return int(self._run("resume", *names))

    def tell_wait(self, kind: str, until_ms: int) -> None:
        """Tell all workers that the API asks to wait with a kind of request until then (ms, the server's clock)."""
        self._run("tell_wait", kind, until_ms)

    def hear_waits(self, after: str, block_ms: int) -> list[Wait]:
        """What workers told after the stream id ``after``; waits for ``block_ms`` if that is nothing."""
        answer = self._connection.read("XREAD", "BLOCK", block_ms, "STREAMS", self._connection.keys.waits, after)
        return [Wait(i, raw["kind"], int(raw["until"])) for _, entries in answer or [] for i, raw in entries]

    # --- presence --------------------------------------------------------------------------------

    def see_worker(
        self,
        name: str,
        sinks: Mapping[str, Named],
        settings: Mapping[str, str] | None = None,
        *,
        started: bool = False,
        says: Heartbeat | None = None,
    ) -> None:
        """Record that a worker is alive, and its sinks by their names.

        ``settings``: those that all workers must have alike, by their variables. ``started``: it has just started, so
        that a sink of it that is gone, or takes nothing, is tried again. ``says``: what it tells of itself.
        """
        named = [part for sink, (shown, types) in sinks.items() for part in (sink, shown, types_text(types))]
        alike = json.dumps(dict(settings or {}))
        told = says.to_text() if says else "{}"
        self._run("see_worker", name, WORKER_SEEN_MS, secrets.token_hex(8), int(started), alike, told, *named)

    def agree_price(self, price: Price | None, daily: int = 0) -> Price | None:
        """Set what an image costs where nobody has said so before; returns what holds, None: nothing.

        ``daily``: what all submits of a day may cost from now on (micro-units; 0: any amount); if submits pause since
        another sum was used up, that pause ends where the next image fits.
        """
        micros, currency = self._run(
            "agree_price", *((price.micros, price.currency) if price else ("", "")), daily or ""
        )
        return Price.of_micros(int(micros), currency) if micros else None

    def upgrade(self) -> int:
        """Bring an older ledger up to date, once its workers have ended; returns how many of them are alive."""
        return int(self._run("upgrade", WORKER_SEEN_MS))

    def forget_worker(self, name: str) -> None:
        """Record that a worker has ended."""
        self._connection.remove(self._connection.keys.workers, name)

    def messages(self, *queues: str) -> int:
        """How many messages wait in queues of Celery, whose keys have the same namespace."""
        prefix = self._connection.keys.prefix
        return sum(self._connection.read_all(("LLEN", prefix + queue) for queue in queues))
