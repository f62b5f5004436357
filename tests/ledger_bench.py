"""A ledger with a clock that the test turns, and the phrases that its tests speak in."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from typing import Any

import redis

from retouch.causes import AmbiguityPolicy, Fared
from retouch.ledger import (
    PAGE,
    BegunPoll,
    BegunSubmit,
    Claim,
    Entry,
    Harvest,
    Ledger,
    Named,
    Policy,
    Run,
    Seen,
    Settlement,
    Step,
    Strike,
    Verdict,
)
from retouch.states import EditState

LEASE_MS = 4000
DEADLINE_MS = 9000
RESUBMIT = Policy()
HOLD = Policy(AmbiguityPolicy.HOLD, AmbiguityPolicy.HOLD)
IDEMPOTENT = Policy(AmbiguityPolicy.IDEMPOTENT)
SUBMITTING = (EditState.SUBMITTING,)
POLLED = (EditState.WAITING, EditState.COPYING)
SINK = "webhook-000000"


class Clock:
    """A clock that the test turns, in ms."""

    def __init__(self) -> None:
        self.now = time.time_ns() // 1_000_000  # near the server's own, which names the events

    def __call__(self) -> int:
        return self.now


class Bench:
    """A ledger, its clock, and the few phrases that the tests speak in."""

    def __init__(self, client: redis.Redis) -> None:
        self.clock = Clock()
        self.ledger = Ledger(client, self.clock)
        self.client = client
        self.keys = self.ledger.connection.keys
        self.sinks = {SINK: Named("hooks.test")}

    def fill(self, count: int, *, batch: str = "b", samples: int = 1) -> None:
        """Enqueue ``count`` edits c0, c1, … and seal the batch."""
        assert set(self.write(batch, entries(count, samples=samples))) == {Verdict.ACCEPTED}
        self.ledger.producer.seal(batch)

    def write(self, batch: str, new: Sequence[Entry], weight: float = 1.0, **more: Any) -> list[Verdict]:
        """Enqueue a page of entries, with the defaults that all batches here have."""
        return self.ledger.producer.enqueue(batch, new, {"model_id": "sd1.5"}, weight, **more)

    def claim(self, *, places: int = 100, **limits: Any) -> Harvest:
        """Claim as one worker; unless ``sinks`` are others, it has the bench's. ``deliveries``: to each at most."""
        limits.setdefault("deliveries", PAGE)
        limits["sinks"] = dict.fromkeys(limits.get("sinks", self.sinks), limits["deliveries"])
        return self.ledger.worker.claim("w", lease_ms=LEASE_MS, places=places, **limits)

    def show(self, *sinks: str, name: str = "w", started: bool = False) -> None:
        """A worker lives that has these sinks, each at a host of its own name; by default the bench's."""
        named = {sink: Named(f"{sink}.test") for sink in sinks} if sinks else self.sinks
        self.ledger.worker.see_worker(name, named, started=started)

    def deliveries(self, *sinks: str, **limits: Any) -> list[Claim]:
        """Claim deliveries as a worker that has these sinks; by default the bench's."""
        claims = self.claim(submits=0, polls=0, sinks=sinks or self.sinks, **limits).claims
        return [c for c in claims if c.step is Step.ANNOUNCE]

    def tries(self, claim: Claim) -> int:
        """How often a delivery was tried in vain."""
        return int(self.client.hget(self.keys.delivery(claim.member), "tries") or 0)

    def later(self, ms: int) -> None:
        """Let time pass, while other workers are there and ask for work."""
        while ms > 0:
            step = min(ms, LEASE_MS // 2)
            self.clock.now += step
            ms -= step
            self.claim(submits=0, polls=0, deliveries=0)

    def edits(self, **limits: Any) -> list[Claim]:
        """Claim, and leave out batches and deliveries."""
        return [c for c in self.claim(**limits).claims if c.step in (Step.SUBMIT, Step.POLL)]

    def begin(
        self, claims: Sequence[Claim], policy: Policy = RESUBMIT, *, nonce: str | None = None
    ) -> list[BegunSubmit | None]:
        """Begin submits, by a call of its own unless ``nonce`` names one: what the worker is told of each."""
        return self.ledger.worker.begin_submit(claims, policy, LEASE_MS, nonce=nonce or secrets.token_hex(8))

    def intend(self, claims: Sequence[Claim], policy: Policy = RESUBMIT) -> list[int | None]:
        """Write intents; returns the submit numbers."""
        return [s.number if s else None for s in self.begin(claims, policy)]

    def begin_polls(self, claims: Sequence[Claim], *, nonce: str | None = None) -> list[BegunPoll | None]:
        """Begin polls, by a call of its own unless ``nonce`` names one: what the worker is told of each."""
        return self.ledger.worker.begin_poll(claims, LEASE_MS, DEADLINE_MS, nonce=nonce or secrets.token_hex(8))

    def fail(self, kind: str = "submit", times: int = 5) -> None:
        """The API's server fails so often in a row: five times are an outage."""
        for _ in range(times):
            self.ledger.worker.observe(seen=[Seen(kind, self.clock.now, Fared.SILENT, "503")])

    def throttle(self, wait_ms: int, kind: str = "submit") -> None:
        """The API asks to wait."""
        self.ledger.worker.observe(seen=[Seen(kind, self.clock.now, Fared.THROTTLED, "429", wait_ms)])

    def refuse(self, claims: Sequence[Claim], words: str = "403", *, patience_ms: int = 120_000, **more: Any) -> None:
        """The API refused to take them; they are tried again after a second."""
        seen = (Seen("submit", self.clock.now, Fared.REFUSED, words),)
        strike = Strike("submit", patience_ms)
        error = json.dumps({"code": "refused", "message": words})
        refused = [
            Settlement(
                c,
                SUBMITTING,
                EditState.QUEUED,
                delay_ms=1000,
                untaken=True,
                seen=seen,
                strike=strike,
                run=Run(words, definite=False),
                error=error,
                **more,
            )
            for c in claims
        ]
        assert all(self.ledger.worker.settle(refused))

    def pauses(self) -> dict[str, str]:
        """The pauses in force, each with its reason."""
        return {pause.name: pause.reason for pause in self.ledger.reader.pauses()}

    def accept(self, claims: Sequence[Claim], *, delay_ms: int = 1000) -> None:
        """The API took them."""
        good = {"submit": self.clock.now}
        waiting = [
            Settlement(
                c,
                SUBMITTING,
                EditState.WAITING,
                delay_ms=delay_ms,
                deadline_ms=DEADLINE_MS,
                good=good,
                put={"provider_id": "p"},
            )
            for c in claims
        ]
        assert all(self.ledger.worker.settle(waiting))

    def at_the_api(self, count: int, *, of: int = 0, delay_ms: int = 0) -> list[Claim]:
        """Enqueue ``of`` edits (or as many) and bring ``count`` of them to the API; their first poll is due then."""
        self.fill(of or count)
        claims = self.edits(submits=count)
        self.intend(claims)
        self.accept(claims, delay_ms=delay_ms)
        return claims

    def end(self, claims: Sequence[Claim], to: EditState = EditState.COMPLETED) -> None:
        """They came to an end."""
        came_from = (*SUBMITTING, *POLLED)
        assert all(self.ledger.worker.settle([Settlement(c, came_from, to) for c in claims]))

    def run_to_completion(self) -> None:
        """Take every edit there is to completed."""
        claims = self.edits()
        self.intend(claims)
        self.end(claims)

    def stored(self, key: str, field: str) -> str:
        """One field of a hash; it must be there."""
        value = self.client.hget(key, field)
        assert isinstance(value, str), f"{key} has no {field}"
        return value

    def due_in(self, member: str) -> int:
        """In how many ms a member is due; it must have a time."""
        at = self.client.zscore(self.keys.due, member)
        assert at is not None, f"{member} has no time"
        return int(at) - self.clock.now

    def counts(self, batch: str = "b") -> dict[str, int]:
        """The batch's counts by state."""
        view = self.ledger.reader.batch(batch)
        assert view is not None
        return {state.value: n for state, n in view.counts.items()}


def entries(count: int, *, samples: int = 1) -> list[Entry]:
    """Edits c0, c1, …"""
    return [Entry(f"c{n}", f"digest{n}", json.dumps({"prompt": f"p{n}"}), samples, None) for n in range(count)]
