"""Two workers on a clock that a test turns, and an API that does as the test says: their model of whose fault it is."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import redis

from retouch.causes import AmbiguityPolicy, Fared
from retouch.ledger import (
    BegunPoll,
    BegunSubmit,
    Claim,
    Entry,
    Finish,
    Ledger,
    Policy,
    Run,
    Seen,
    Settled,
    Settlement,
    Step,
    Strike,
)
from retouch.states import TERMINAL, EditState

LEASE_MS, DEADLINE_MS, TICK_MS = 4000, 60_000, 500
# What becomes of an edit at an API that is well itself: taken and finished; refused; refused as wrong in itself; taken
# and forgotten; taken and never finished.
KINDS = ("fine", "fine", "fine", "refused", "wrong", "forgotten", "endless")
SUBMITTING, POLLED = (EditState.SUBMITTING,), (EditState.WAITING, EditState.COPYING)
ERROR = json.dumps({"code": "x", "message": "x"})


@dataclass
class Record:
    """What the model knows of one edit."""

    kind: str
    refusals: list[int] = field(default_factory=list)  # when it heard of each since it was taken, or began anew
    witness: int = 0  # when another was sent that was taken after the first of them, as it first heard

    def refused(self, heard: int, sent: int, last_taken: int, patience_ms: int) -> bool:
        """Hear of a refusal. Whether that is its own fault: the fifth, over the patience, sent after its witness."""
        self.refusals.append(heard)
        first = self.refusals[0]
        if not self.witness and last_taken > first:
            self.witness = last_taken
        return len(self.refusals) >= 5 and heard - first >= patience_ms and 0 < self.witness < sent

    def cleared(self) -> None:
        """It was taken, has ended, or begins anew."""
        self.refusals, self.witness = [], 0


@dataclass
class Part:
    """The next part of a step that a worker has in hand."""

    at: int
    run: Callable[[], None]


class World:
    """The ledger, two workers that each take what they get, and the API."""

    def __init__(self, server: redis.Redis, policy: AmbiguityPolicy, patience_ms: int) -> None:
        self.now = 10**12
        self.client = server
        self.client.flushall()
        self.ledger = Ledger(self.client, lambda: self.now)
        self.policy = Policy(policy)
        self.patience_ms = patience_ms
        self.edits: dict[str, Record] = {}
        self.in_hand: list[Part] = []
        self.api = {"submit": "well", "status": "well"}
        self.healed = False
        self.wait_ms = 1000
        self.lag_ms = 0
        self.takes_ms = 1000  # the API, for an edit
        self.last_taken = 0  # when the latest submit was sent that was taken
        self.last_request = self.now
        self.refused = 0  # submits of edits that the API does not want
        self.ticks = 0

    # --- time ------------------------------------------------------------------------------------

    def work(self, ms: int) -> None:
        """Let the workers work, in turns."""
        for _ in range(ms // TICK_MS):
            self.now += TICK_MS
            self.ticks += 1
            self.claim(f"w{self.ticks % 2}")
            due = [step for step in self.in_hand if step.at <= self.now]
            self.in_hand = [step for step in self.in_hand if step.at > self.now]
            for step in due:
                step.run()

    def later(self, part: Callable[[], None]) -> None:
        if self.lag_ms:
            self.in_hand.append(Part(self.now + self.lag_ms, part))
        else:
            part()

    # --- workers ---------------------------------------------------------------------------------

    def claim(self, worker: str) -> None:
        harvest = self.ledger.worker.claim(
            worker, lease_ms=LEASE_MS, places=4, submits=3, polls=20, policy=self.policy.ambiguous
        )
        if harvest.ask_at is not None:
            self.later(self.ask)
        for claim in harvest.claims:
            self.later({Step.SUBMIT: self.submit, Step.POLL: self.poll, Step.FINISH: self.finish}[claim.step](claim))

    def ask(self) -> None:
        if self.asked_to_wait("status"):  # the worker has heard of it meanwhile
            return
        how, sent = self.requested("status"), self.now
        fared = {"well": Fared.ANSWERED, "refuses": Fared.ANSWERED}.get(how) or self.bad("status", how).fared
        seen = Seen("status", sent, fared, "asked", self.wait_ms)
        self.later(lambda: self.ledger.worker.observe(seen=[seen]))

    def finish(self, claim: Claim) -> Callable[[], None]:
        def settle() -> None:
            self.ledger.worker.settle_batch(claim, Finish.WRITTEN)

        return settle

    def submit(self, claim: Claim) -> Callable[[], None]:
        def begin() -> None:
            [begun] = self.ledger.worker.begin_submit([claim], self.policy, LEASE_MS, nonce=secrets.token_hex(8))
            if begun:
                settlement = self.submitted(claim, begun)
                self.later(lambda: self.settle_submit(settlement))

        return begin

    def poll(self, claim: Claim) -> Callable[[], None]:
        def begin() -> None:
            [begun] = self.ledger.worker.begin_poll([claim], LEASE_MS, DEADLINE_MS, nonce=secrets.token_hex(8))
            if begun:
                settlement = self.polled(claim, begun)
                self.later(lambda: self.settle_poll(settlement))

        return begin

    # --- the API ---------------------------------------------------------------------------------

    def requested(self, kind: str) -> str:
        """A request is sent now; how the API does."""
        assert not self.asked_to_wait(kind), "sent inside a Retry-After"
        self.last_request = self.now
        return self.api[kind]

    def fares(self, kind: str, how: str) -> None:
        """So the API does from now on, with requests of this kind or of both."""
        self.api |= dict.fromkeys(self.api if kind == "both" else [kind], how)

    def asked_to_wait(self, kind: str) -> bool:
        text = self.client.hget(self.ledger.connection.keys.pauses, f"{kind}:throttled")
        return text is not None and json.loads(text)["ends"] > self.now

    def bad(self, kind: str, how: str) -> Seen:
        fared = {"throttles": Fared.THROTTLED, "is silent": Fared.SILENT, "is away": Fared.UNREACHED}[how]
        return Seen(kind, self.now, fared, how, self.wait_ms if fared is Fared.THROTTLED else 0)

    def submitted(self, claim: Claim, begun: BegunSubmit) -> Settlement:
        how, kind = self.requested("submit"), "fine" if self.healed else self.edits[claim.member].kind
        tries = {"tries": str(begun.tries + 1)}
        delay_ms = min(30_000, 1000 << min(begun.tries, 20))
        if how == "is silent":
            seen, put = (self.bad("submit", how),), tries | {"alone": str(self.now + self.patience_ms // 8)}
            return Settlement(claim, SUBMITTING, EditState.SUBMITTING, delay_ms=delay_ms, seen=seen, put=put)
        if how in ("throttles", "is away"):
            to = EditState.SUBMITTING if begun.again else EditState.QUEUED
            seen = (self.bad("submit", how),)
            return Settlement(
                claim, SUBMITTING, to, delay_ms=delay_ms, untaken=not begun.again, seen=seen, put=tries, error=ERROR
            )
        self.refused += kind in ("wrong", "refused")
        if kind == "wrong":
            seen = (Seen("submit", self.now, Fared.ANSWERED, "422"),)
            return Settlement(claim, SUBMITTING, EditState.FAILED, seen=seen, run=Run("422", True), error=ERROR)
        if how == "refuses" or kind == "refused":
            return Settlement(
                claim,
                SUBMITTING,
                EditState.QUEUED,
                delay_ms=self.refused_ms(begun.strikes, 60_000),
                untaken=True,
                seen=(Seen("submit", self.now, Fared.REFUSED, "403"),),
                run=Run("403", False),
                strike=Strike("submit", self.patience_ms),
                error=ERROR,
            )
        good = None if begun.again else {"submit": self.now}
        put = {"provider_id": "p"}
        return Settlement(
            claim, SUBMITTING, EditState.WAITING, delay_ms=self.takes_ms, deadline_ms=DEADLINE_MS, good=good, put=put
        )

    def polled(self, claim: Claim, begun: BegunPoll) -> Settlement:
        how, kind = self.requested("status"), "fine" if self.healed else self.edits[claim.member].kind
        left_ms = (begun.deadline or self.now) - self.now
        if how in ("throttles", "is silent", "is away"):
            seen, put = (self.bad("status", how),), {"tries": str(begun.tries + 1)}
            delay_ms = min(30_000, 1000 << min(begun.tries, 20))
            return Settlement(claim, POLLED, begun.state, delay_ms=delay_ms, seen=seen, put=put)
        if how == "refuses" or kind == "forgotten":
            delay_ms = self.refused_ms(begun.strikes, 30_000)
            return Settlement(
                claim,
                POLLED,
                begun.state,
                delay_ms=min(delay_ms, left_ms) if left_ms > 0 else delay_ms,
                seen=(Seen("status", self.now, Fared.REFUSED, "404"),),
                strike=Strike("status", self.patience_ms, last=begun.overdue),
                put={"overdue": "1"} if left_ms <= 0 else {},
                error=ERROR,
            )
        good = {"status": self.now}
        if kind != "endless":
            return Settlement(claim, POLLED, EditState.COMPLETED, good=good)
        if left_ms <= 0:
            return Settlement(claim, POLLED, EditState.FAILED, good=good, error=ERROR)
        return Settlement(claim, POLLED, EditState.WAITING, delay_ms=5000, good=good, drop=("strikes", "tries"))

    def refused_ms(self, strikes: int, cap_ms: int) -> int:
        return min(1000 << min(strikes, 20), cap_ms, max(self.patience_ms // 2, 250))

    def settle_poll(self, settlement: Settlement) -> None:
        self.ledger.worker.settle([settlement])

    def settle_submit(self, settlement: Settlement) -> None:
        """An edit fails for its refusals with a witness, after five, over the patience; and then always."""
        edit, [fate] = self.edits[settlement.claim.member], self.ledger.worker.settle([settlement])
        if settlement.good:
            self.last_taken = max(self.last_taken, settlement.good["submit"])
        if fate is Settled.LOST:
            return
        if not settlement.strike:
            if settlement.to in (EditState.WAITING, *TERMINAL):
                edit.cleared()
            return
        own = edit.refused(self.now, settlement.seen[0].sent_ms, self.last_taken, self.patience_ms)
        assert fate is (Settled.STRUCK_OUT if own else Settled.DONE)
        if own:
            edit.cleared()

    # --- people ----------------------------------------------------------------------------------

    def enqueue(self, batch: str, kinds: list[str]) -> None:
        cancelled = self.ledger.producer.open_batch(batch).cancelled
        first = len(self.edits)
        new = {f"{batch}/{first + n}": Record(kind) for n, kind in enumerate(kinds)}
        self.edits |= new
        entries = [Entry(m.split("/")[1], "d", "{}", 1, None) for m in new]
        self.ledger.producer.enqueue(batch, entries, cancelled=cancelled)

    def retry(self, batch: str) -> None:
        for member in self.unfinished(EditState.FAILED):
            self.edits[member].cleared()
        self.ledger.producer.retry(batch)

    def unfinished(self, *states: EditState) -> list[str]:
        views = [(m, self.ledger.reader.edit(*m.split("/"))) for m in self.edits]
        wanted = states or tuple(s for s in EditState if s not in TERMINAL and s is not EditState.HELD)
        return [m for m, view in views if view and view.state in wanted]
