"""The ledger's moves and views. Each move is one Lua script, so that it happens whole or not at all."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from retouch.errors import InputError
from retouch.ledger import keys
from retouch.ledger.claims import (
    UNPACED,
    Claim,
    Entry,
    Harvest,
    Pace,
    Progress,
    Settlement,
    Submission,
    Verdict,
)
from retouch.ledger.scripts import Scripts
from retouch.ledger.views import BatchView, EditView, Event, Pause, Provider, instant, present
from retouch.states import EditState, Step

PAGE = 500  # edits a script touches at most: some milliseconds of the server's time
FILL_MS = 30_000  # a batch whose producer falls silent may finish after this long
RETENTION_MS = 7 * 86_400_000
WORKER_SEEN_MS = 6_000  # a worker that was not seen for this long counts as gone


class Ledger:
    """Edits and batches in Redis. Thread-safe; every method may raise redis.exceptions.RedisError.

    ``clock`` returns ms since 1970 in place of the server's clock; for tests.
    """

    def __init__(self, client: redis.Redis, clock: Callable[[], int] | None = None) -> None:
        # redis-py types every answer as the union of all protocols' answers; with decode_responses they are text.
        self._redis: Any = client
        self._scripts = Scripts(client)
        self._clock = clock

    @classmethod
    def from_url(cls, url: str, *, timeout_s: float = 3.0) -> Ledger:
        """Connect lazily; raises InputError if ``url`` is not a Redis URL.

        A command that meets a closed connection is sent again three times within a second: every move is
        either idempotent or guarded by a fence.
        """
        try:
            client = redis.Redis.from_url(
                url,
                decode_responses=True,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                socket_keepalive=True,
                health_check_interval=15,
                retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 3),
            )
        except ValueError:  # its text may hold a part of the password
            message = "RETOUCH_REDIS_URL is not a Redis URL: write redis://[:password@]host:port/0 (or rediss://)"
            raise InputError(message) from None
        return cls(client)

    def _run(self, name: str, *args: str | int | float) -> Any:
        return self._scripts.run(name, self._clock() if self._clock else "", *args)

    # --- producers -------------------------------------------------------------------------------

    def open_batch(self, batch: str, defaults: Mapping[str, Any], weight: float = 1.0) -> dict[str, Any]:
        """Make the batch if it is new, and keep it from finishing while it is filled.

        Returns the batch's defaults: those it was made with stay, whatever a later producer brings.
        """
        stored: dict[str, Any] = json.loads(self._run("open_batch", batch, json.dumps(dict(defaults)), weight, FILL_MS))
        return stored

    def conflicts(self, batch: str, digests: Sequence[tuple[str, str]]) -> list[str]:
        """Return the custom ids that exist in the batch with another digest; changes nothing."""
        pipe = self._redis.pipeline(transaction=False)
        for custom_id, _ in digests:
            pipe.hget(keys.edit(f"{batch}/{custom_id}"), "digest")
        known = pipe.execute()
        return [c for (c, digest), k in zip(digests, known, strict=True) if k is not None and k != digest]

    def enqueue(self, batch: str, entries: Sequence[Entry]) -> list[Verdict]:
        """Add up to PAGE entries to an open batch in one move; those that are there already stay as they are."""
        args: list[str | int] = []
        for e in entries:
            args += (e.custom_id, e.digest, e.parameters, e.samples, "" if e.seed is None else e.seed)
        return [Verdict(v) for v in self._run("enqueue", batch, FILL_MS, *args)]

    def seal(self, batch: str) -> None:
        """Say that the batch is complete for now: it may finish as soon as its edits have ended."""
        self._run("seal", batch)

    def wait_for_disk(self, timeout_ms: int = 2500) -> bool:
        """Wait until what this connection wrote is on the server's disk; False where it offers no such thing."""
        try:
            local, _ = self._redis.execute_command("WAITAOF", 1, 0, timeout_ms)
        except redis.ResponseError:  # no append-only file, or a server older than 7.2
            return False
        return bool(local)

    def cancel(self, batch: str, states: Iterable[EditState] = (EditState.QUEUED, EditState.HELD)) -> int:
        """Cancel the batch's edits in these states; returns how many.

        What is at the API is paid for: it is finished and kept. With QUEUED among the states the batch is
        marked, so that an edit that comes back unsent ends too.
        """
        states = set(states)
        if EditState.QUEUED in states:
            states.add(EditState.SUBMITTING)  # claimed, but its intent is not written yet
        return self._change(batch, "cancel", states)

    def retry(self, batch: str, states: Iterable[EditState] = (EditState.FAILED,)) -> int:
        """Put the batch's edits in these states (failed, cancelled or held) back into the queue; returns how many."""
        return self._change(batch, "retry", set(states))

    def _change(self, batch: str, action: str, states: set[EditState]) -> int:
        first = total = 0
        while True:
            page, changed = self._run("change", batch, action, ",".join(states), first, first + PAGE - 1)
            total += int(changed)
            first += PAGE
            if page < PAGE:
                return total

    # --- workers ---------------------------------------------------------------------------------

    def claim(
        self,
        holder: str,
        *,
        lease_ms: int,
        places: int,
        submits: int = PAGE,
        polls: int = PAGE,
        deliveries: int = PAGE,
        pace: Pace = UNPACED,
        policy: str = "resubmit",
    ) -> Harvest:
        """Take up to so many steps of each kind that are due.

        ``places``: how many images may be at the API, for all workers together; 0: as many as are found to do.
        ``pace``: how far apart requests to the API lie, again for all workers together. ``policy``: as for ``intend``.
        """
        answer = self._run("claim", lease_ms, holder, submits, polls, deliveries, places, *pace, policy)
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

    def intend(self, claims: Sequence[Claim], policy: str, lease_ms: int) -> list[Submission | None]:
        """Write down that these edits are about to be sent, and begin their lease anew.

        ``policy`` decides for those that may have been sent before: ``idempotent`` sends under the same number,
        ``resubmit`` once more under a new one (marked as a possible duplicate), ``hold`` sets the edit aside.
        None: not to be sent (the claim is lost, or the policy ended it).
        """
        args = [part for c in claims for part in (c.member, c.fence)]
        answers = self._run("intent", lease_ms, policy, *args)
        return [Submission(_merged(a[1], a[0]), int(a[2]), int(a[3]), int(a[4])) if a else None for a in answers]

    def take(self, claims: Sequence[Claim], lease_ms: int) -> list[Progress | None]:
        """Read the edits behind claims for a poll, and begin their lease anew; None where the claim is lost."""
        answers = self._run("take", lease_ms, *(part for c in claims for part in (c.member, c.fence)))
        return [Progress.parse(a) if a else None for a in answers]

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

    def pause(self, cause: str, reason: str, *, probe_every_ms: int) -> bool:
        """Stop submits; every ``probe_every_ms`` (growing to 30 s) one is let through. True if it is new.

        With 0, none is let through: only ``resume`` ends the pause.
        """
        return bool(self._run("pause", cause, reason[:500], probe_every_ms))

    def trouble(self, reason: str, *, probe_every_ms: int) -> bool:
        """Note that the API was in trouble: some times in a row make an outage (a pause). True if it begins."""
        return bool(self._run("trouble", reason[:500], probe_every_ms))

    def resume(self, *causes: str, sent_ms: int | None = None) -> int:
        """End pauses; returns how many there were.

        ``sent_ms``: when the request was sent that proves the API willing; later refusals outweigh it.
        """
        return int(self._run("resume", "" if sent_ms is None else sent_ms, *causes))

    def see_worker(self, name: str, sinks: Iterable[str]) -> None:
        """Note that a worker lives, and the sinks that events are to be delivered to."""
        pipe = self._redis.pipeline()
        now = self._now()
        pipe.zadd(keys.WORKERS, {name: now})
        pipe.zremrangebyscore(keys.WORKERS, "-inf", now - WORKER_SEEN_MS)
        pipe.hset(keys.STATE, "sinks", ",".join(sorted(sinks)))
        pipe.hsetnx(keys.STATE, "deployment", secrets.token_hex(8))
        pipe.execute()

    def forget_worker(self, name: str) -> None:
        """Note that a worker has ended."""
        self._redis.zrem(keys.WORKERS, name)

    # --- readers ---------------------------------------------------------------------------------

    def _now(self) -> int:
        if self._clock:
            return self._clock()
        seconds, micros = self._redis.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def ping(self) -> None:
        """Raise redis.exceptions.RedisError unless the server answers."""
        self._redis.ping()

    def workers(self) -> list[str]:
        """The names of the live workers."""
        return list(self._redis.zrangebyscore(keys.WORKERS, self._now() - WORKER_SEEN_MS, "+inf"))

    def pauses(self) -> list[Pause]:
        """Why submits stop, if they do."""
        pauses = []
        for cause, text in self._redis.hgetall(keys.PAUSES).items():
            raw = json.loads(text)
            since = instant(raw["since"])
            assert since is not None
            probe = instant(raw["until"]) if raw["every"] else None
            pauses.append(Pause(cause, raw["reason"], since, probe))
        return pauses

    def places_used(self) -> int:
        """How many images count as being at the API."""
        return self.provider().places_used

    def provider(self) -> Provider:
        """How the API is used at present."""
        return Provider.parse(self._redis.hgetall(keys.STATE))

    def learned(self, kind: str) -> dict[int, float]:
        """What is known of how long a kind of work takes: a histogram (see ``retouch.polling``)."""
        return {int(field): float(value) for field, value in self._redis.hgetall(keys.learned(kind)).items()}

    def kinds(self, newest: int = 10) -> list[str]:
        """The kinds of work of which results were seen last."""
        return list(self._redis.zrevrange(keys.KINDS, 0, newest - 1))

    def queued(self) -> int:
        """How many edits stand in the fair order."""
        return int(self._redis.zcard(keys.READY))

    def source(self) -> str:
        """The CloudEvents source of this deployment: with an event's id, unique in the world."""
        return f"/retouch/{self._redis.hget(keys.STATE, 'deployment') or 'new'}"

    def batches(self, newest: int = 50) -> list[BatchView]:
        """The newest batches, newest first."""
        views = (self.batch(b) for b in self._redis.zrevrange(keys.BATCHES, 0, newest - 1))
        return [view for view in views if view]

    def batch(self, batch: str) -> BatchView | None:
        """One batch, or None if there is none of that name."""
        raw = self._redis.hgetall(keys.batch(batch))
        return BatchView.parse(batch, raw) if raw else None

    def edit(self, batch: str, custom_id: str) -> EditView | None:
        """One edit, or None."""
        edit_id = f"{batch}/{custom_id}"
        pipe = self._redis.pipeline()
        pipe.hgetall(keys.edit(edit_id))
        pipe.hget(keys.edits(batch), custom_id)
        pipe.hget(keys.batch(batch), "defaults")
        pipe.hget(keys.results(batch), custom_id)
        pipe.zscore(keys.DUE, edit_id)
        pipe.zrank(keys.READY, edit_id)
        pipe.hget(keys.STATE, "outage_ms")
        pipe.hget(keys.PAUSES, "outage")
        raw, parameters, defaults, result, due, rank, lost_ms, outage = pipe.execute()
        if not raw:
            return None
        return EditView(
            batch=batch,
            custom_id=custom_id,
            state=EditState(raw["state"]),
            parameters=_merged(defaults or "{}", parameters or "{}"),
            submits=int(raw.get("submits", 0)),
            duplicate="duplicate" in raw,
            provider_id=raw.get("provider_id"),
            holder=raw.get("holder"),
            note=raw.get("note"),
            polls=int(raw.get("polls", 0)),
            submitted_at=instant(raw.get("submitted_at")),
            deadline=self._deadline(raw.get("deadline"), int(lost_ms or 0), outage),
            due_at=instant(due),
            before_it=rank,
            result=present(json.loads(result)) if result else None,
        )

    def _deadline(self, stored: str | None, lost_ms: int, outage: str | None) -> datetime | None:
        """A stored deadline is of a clock that stands still during outages."""
        if stored is None:
            return None
        if outage:
            lost_ms += self._now() - int(json.loads(outage)["since"])
        return instant(int(stored) + lost_ms)

    def results(self, batch: str) -> Iterator[dict[str, Any]]:
        """The results of the edits that have ended, in the batch's order; read page by page."""
        first = 0
        while page := self._redis.lrange(keys.order(batch), first, first + PAGE - 1):
            for text in self._redis.hmget(keys.results(batch), page):
                if text:
                    yield present(json.loads(text))
            first += PAGE

    def events(self, after: str = "0-0", *, block_ms: int | None = None) -> list[Event]:
        """Up to PAGE events after the stream id ``after``; with ``block_ms``, waits that long for the first."""
        answer = self._redis.xread({keys.EVENTS: after}, count=PAGE, block=block_ms)
        return [Event.parse(i, raw) for _, entries in answer or [] for i, raw in entries]

    def event(self, stream_id: str) -> Event | None:
        """One event, or None if it was trimmed."""
        found = self._redis.xrange(keys.EVENTS, stream_id, stream_id)
        return Event.parse(*found[0]) if found else None

    def delivery_tries(self, member: str) -> int:
        """How often a delivery was tried."""
        return int(self._redis.hget(keys.delivery(member), "tries") or 0)


def _merged(defaults: str, own: str) -> dict[str, Any]:
    """An edit's parameters; null in its own: the batch sets the field, and this edit does not."""
    merged = json.loads(defaults) | json.loads(own)
    return {name: value for name, value in merged.items() if value is not None}
