"""Random moves against a plain Python model of what the ledger promises."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from dataclasses import dataclass

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from retouch.causes import AmbiguityPolicy
from retouch.errors import BatchCancelledError
from retouch.ledger import BegunSubmit, Claim, Entry, Ledger, Policy, Retried, Settlement, Step, Verdict
from retouch.price import Price
from retouch.states import LETTERS, TERMINAL, EditState
from retouch.wording import group_of

LEASE_MS = 1000
DEADLINE_MS = 9000
PLACES = 6
LOOK_EACH = 4
BATCHES = ("a", "b")
REFUSALS = ("image 12 is no image", "image 7 is no image", "the prompt is empty")  # two of a group
S = EditState
SUBMITTED, POLLED = (S.SUBMITTING,), (S.WAITING, S.COPYING)

Outcome = tuple[tuple[EditState, ...], EditState, bool]
# What the steps settle, and nothing else: the states that an edit may come from, where it goes, and whether the claim
# goes on. A path that no step takes would prove nothing.
OUTCOMES: list[Outcome] = [
    (SUBMITTED, S.WAITING, False),
    (SUBMITTED, S.COPYING, True),
    (SUBMITTED, S.SUBMITTING, False),
    (SUBMITTED, S.QUEUED, False),
    (SUBMITTED, S.FAILED, False),
    ((S.WAITING,), S.WAITING, False),
    (POLLED, S.COPYING, True),
    (POLLED, S.FAILED, False),
    ((S.COPYING,), S.COPYING, False),
    ((S.COPYING,), S.COMPLETED, False),
]


@dataclass
class Model:
    """One edit as the model knows it."""

    samples: int
    state: EditState = S.QUEUED
    fence: int = 0
    intent: bool = False
    retried: bool = False  # its intent is of before a retry
    intent_fence: int = 0  # the claim under which the intent was written last
    holder: bool = False
    asked: bool = False
    known_to_the_api: bool = False
    resent: bool = False
    duplicate: bool = False
    submits: int = 0
    due: int | None = None  # ms; None: in ready, held, or ended
    begun: bool = False
    unanswered: bool = False
    rescues: int = 0
    result: bool = False


class LedgerMachine(RuleBasedStateMachine):
    """Drives the real scripts and the model side by side, on a clock that the rules turn."""

    server: redis.Redis
    claims = Bundle("claims")

    @initialize()
    def begin(self) -> None:
        self.now = 10**12
        self.client = self.server
        self.client.flushall()
        self.ledger = Ledger(self.client, lambda: self.now)
        self.keys = self.ledger.connection.keys
        self.ledger.producer.set_price(Price.of_micros(1, "USD"))
        self.model: dict[str, Model] = {}
        self.cancelled: set[str] = set()
        self.calls = self.answers = self.looks = 0

    # --- producers and people --------------------------------------------------------------------

    @rule(batch=st.sampled_from(BATCHES), name=st.integers(0, 3), samples=st.integers(1, 4))
    def enqueue(self, batch: str, name: int, samples: int) -> None:
        member = f"{batch}/{name}"
        entry = Entry(str(name), f"d{samples}", "{}", samples, None)
        cancelled = ""
        if batch in self.cancelled:  # a producer that writes on is refused; one that opens the batch again is not
            with pytest.raises(BatchCancelledError):
                self.ledger.producer.enqueue(batch, [entry])
            cancelled = self.ledger.producer.open_batch(batch).cancelled
        (verdict,) = self.ledger.producer.enqueue(batch, [entry], cancelled=cancelled)
        known = self.model.get(member)
        if known is None:
            self.cancelled.discard(batch)
        if known is None:
            assert verdict is Verdict.ACCEPTED
            self.model[member] = Model(samples)
        else:
            assert verdict is (Verdict.ALREADY if known.samples == samples else Verdict.CONFLICT)

    @rule(batch=st.sampled_from(BATCHES))
    def cancel(self, batch: str) -> None:
        expected = 0
        for _, edit in self.of(batch):
            under_way = edit.intent and edit.holder  # it may be answered, and is kept then
            if edit.state in (S.QUEUED, S.HELD) or (edit.state is S.SUBMITTING and not under_way):
                edit.fence += 1
                self.end(edit, S.CANCELLED)
                expected += 1
        assert self.ledger.producer.cancel(batch) == expected
        if list(self.of(batch)):
            self.cancelled.add(batch)

    @rule(batch=st.sampled_from(BATCHES), states=st.sets(st.sampled_from([S.FAILED, S.CANCELLED, S.HELD]), min_size=1))
    def retry(self, batch: str, states: set[EditState]) -> None:
        asked = sent = 0
        for _, edit in self.of(batch):
            if edit.state not in states:
                continue
            edit.resent, edit.result = False, False
            if edit.state is S.FAILED and edit.known_to_the_api:
                edit.state, edit.due, edit.asked = S.WAITING, self.now, True
                asked += 1
            else:
                edit.duplicate |= edit.unanswered and not edit.intent  # else begin_submit marks it
                edit.retried, edit.known_to_the_api = edit.intent, False
                edit.state, edit.due = S.QUEUED, None
                sent += 1
        if asked or sent:
            self.cancelled.discard(batch)
        assert self.ledger.producer.retry(batch, states) == Retried(asked, sent)

    @rule(ms=st.sampled_from([1, 300, LEASE_MS + 1]))
    def time_passes(self, ms: int) -> None:
        self.later(ms)

    def later(self, ms: int) -> None:
        """Other workers are there and ask for work: without them, claims would get another lease."""
        while ms > 0:
            step = min(ms, LEASE_MS // 2)
            self.now += step
            ms -= step
            self.ledger.worker.claim("x", lease_ms=LEASE_MS, places=PLACES, submits=0, polls=0, deliveries=0)

    # --- workers ---------------------------------------------------------------------------------

    @rule(target=claims, lapse=st.booleans(), submits=st.integers(0, 3))
    def claim(self, lapse: bool, submits: int) -> object:
        if lapse:  # every claim that is held becomes somebody else's, while its first holder knows nothing of it
            self.later(LEASE_MS + 1)
        before = {m: (e.state, e.due) for m, e in self.model.items()}
        on_trial = [m for m, e in self.model.items() if e.rescues == 2 and e.due is not None and e.due > self.now]
        harvest = self.ledger.worker.claim("w", lease_ms=LEASE_MS, places=PLACES, submits=submits)
        edits = [c for c in harvest.claims if c.step in (Step.SUBMIT, Step.POLL)]
        self.rescue({c.member for c in edits}, on_trial)
        assert len({c.member for c in edits}) == len(edits)
        self.put_back_the_unsent()
        for claim in edits:
            edit = self.model[claim.member]
            edit.fence += 1
            assert claim.fence == edit.fence
            state, due = before[claim.member]
            assert claim.step is Step.POLL or claim.member.split("/")[0] not in self.cancelled
            if claim.step is Step.POLL:
                assert state in (S.WAITING, S.COPYING)
                assert due is not None
                assert due <= self.now
            elif state is S.SUBMITTING and edit.intent:
                assert due is not None
                assert due <= self.now
            else:
                edit.state = S.SUBMITTING
            edit.due, edit.holder = self.now + LEASE_MS, True
        return multiple(*edits)

    def rescue(self, claimed: set[str], on_trial: list[str]) -> None:
        """What was begun and not settled when its lease ran out counts; the third time in a row it is set aside."""
        for member, edit in self.model.items():
            if edit.due is None or edit.due > self.now or edit.state is S.QUEUED:
                continue
            if edit.begun:
                edit.begun = edit.holder = (
                    False  # nobody holds it until it is claimed again, which it may have to wait for
                )
                edit.rescues += 1
            if edit.rescues == 3:
                assert member not in claimed
                self.end(edit, S.FAILED)
        suspects = [m for m in claimed if self.model[m].rescues == 2]
        assert len(suspects) <= 1
        for member, edit in self.model.items():
            waits = edit.rescues == 2 and edit.due is not None and edit.due <= self.now and member not in claimed
            if waits and (suspects or on_trial):
                edit.due = self.now + 250

    def put_back_the_unsent(self) -> None:
        """What a claim may do on the way: edits claimed and never sent return to the queue when their lease ends."""
        for member, edit in self.model.items():
            state = self.client.hget(self.keys.edit(member), "state")
            unsent = edit.state is S.SUBMITTING and not edit.intent
            if (
                unsent
                and edit.due is not None
                and edit.due <= self.now
                and state in ("queued", "submitting", "cancelled")
            ):
                edit.due = None
                self.back_to_queue(member, edit)
            elif edit.state is S.QUEUED and edit.due is not None and edit.due <= self.now:
                edit.due = None
            elif edit.state is S.SUBMITTING and state == "cancelled":  # sent, not answered, and not to be sent again
                assert edit.due is not None
                assert edit.due <= self.now
                assert member.split("/")[0] in self.cancelled
                self.end(edit, S.CANCELLED)

    @rule(claim=claims, policy=st.sampled_from(AmbiguityPolicy), repeated=st.booleans())
    def intend(self, claim: Claim, policy: AmbiguityPolicy, repeated: bool) -> None:
        edit = self.model[claim.member]
        submission = self.begin_submit(claim, policy)
        if claim.fence != edit.fence or edit.state is not S.SUBMITTING or not edit.holder or edit.begun:
            assert submission is None
            return
        if edit.intent and claim.member.split("/")[0] in self.cancelled:
            self.end(edit, S.CANCELLED)
            assert submission is None
            return
        own = self.client.hget(self.keys.edit(claim.member), "intent") == str(claim.fence)
        if edit.intent and policy is not AmbiguityPolicy.IDEMPOTENT:
            if edit.retried:
                edit.duplicate = True
                edit.submits += 1
            elif policy is AmbiguityPolicy.HOLD:
                edit.unanswered, edit.holder = True, False
                edit.state, edit.intent, edit.due, edit.rescues = S.HELD, False, None, 0
                assert submission is None
                return
            else:
                edit.unanswered = True
                if edit.resent:
                    self.end(edit, S.FAILED)
                    assert submission is None
                    return
                edit.resent = edit.duplicate = True
                edit.submits += 1
        elif not edit.intent:
            edit.submits += 1
        assert submission is not None
        assert own
        assert submission.number == edit.submits
        if repeated:  # by the client, which did not get the answer
            assert self.begin_submit(claim, policy, same_call=True) == submission
        edit.intent = edit.begun = True
        edit.retried = False
        edit.intent_fence = claim.fence
        edit.due = self.now + LEASE_MS

    def begin_submit(self, claim: Claim, policy: AmbiguityPolicy, *, same_call: bool = False) -> BegunSubmit | None:
        self.calls += not same_call
        nonce = f"call {self.calls}"
        [begun] = self.ledger.worker.begin_submit([claim], Policy(policy), LEASE_MS, nonce=nonce)
        return begun

    @rule(claim=claims)
    def take(self, claim: Claim) -> None:
        edit = self.model[claim.member]
        (progress,) = self.ledger.worker.begin_poll([claim], LEASE_MS, DEADLINE_MS, nonce=secrets.token_hex(8))
        ours = claim.fence == edit.fence and edit.holder and not edit.begun
        assert (progress is not None) == (ours and edit.state in (S.WAITING, S.COPYING))
        if progress:
            edit.begun = True
            edit.due = self.now + LEASE_MS

    @rule(claim=claims, outcome=st.sampled_from(OUTCOMES), refusal=st.sampled_from(REFUSALS))
    def settle(self, claim: Claim, outcome: Outcome, refusal: str) -> None:
        edit = self.model[claim.member]
        came_from, to, keep = outcome
        current = claim.fence == edit.fence
        if current and came_from == SUBMITTED and edit.intent_fence != claim.fence:
            return  # a worker settles what it has sent, and it sends nothing before its intent is written
        taken = came_from == SUBMITTED and to in (S.WAITING, S.COPYING)
        deadline_ms = DEADLINE_MS if taken else None
        put = {"provider_id": "p"} if came_from == SUBMITTED and to is S.WAITING else {}
        error = json.dumps({"code": "refused", "message": refusal}) if to is S.FAILED else None
        untaken = to is S.QUEUED
        settlement = Settlement(
            claim,
            came_from,
            to,
            delay_ms=200,
            keep=keep,
            untaken=untaken,
            deadline_ms=deadline_ms,
            put=put,
            error=error,
            counts=("submit:200",),
        )
        (settled,) = self.ledger.worker.settle([settlement])
        assert bool(settled) == (current and edit.state in came_from)
        if not settled:
            return
        self.answers += edit.begun and not (keep and edit.state is to)
        edit.known_to_the_api |= bool(put)
        if to is not S.SUBMITTING:
            edit.intent = False
            edit.resent = edit.resent and to is S.QUEUED
        if to in TERMINAL:
            self.end(edit, to)
            return
        if to is S.SUBMITTING and claim.member.split("/")[0] in self.cancelled:
            self.end(edit, S.CANCELLED)
            return
        if not keep:
            edit.begun, edit.rescues, edit.due, edit.holder = False, 0, self.now + 200, False
        if to is S.QUEUED:
            edit.submits -= 1
            self.back_to_queue(claim.member, edit)
        else:
            edit.state = to

    @rule(claim=claims)
    def renew(self, claim: Claim) -> None:
        edit = self.model[claim.member]
        lost = self.ledger.worker.renew([claim], LEASE_MS)
        held = claim.fence == edit.fence and edit.due is not None and edit.state not in (S.QUEUED, S.HELD)
        assert (lost == []) == (
            claim.fence == edit.fence and self.client.zscore(self.keys.due, claim.member) is not None
        )
        if (held and not lost) or not lost:
            edit.due = self.now + LEASE_MS

    def teardown(self) -> None:
        self.the_strips_say_what_the_edits_say()
        self.one_result_and_one_event_an_end()
        for member, edit in self.model.items():
            steps = self.ledger.reader.history(*member.split("/"))
            assert steps
            assert steps[0].what == "enqueued"
            assert [step.at for step in steps] == sorted(step.at for step in steps)
            if edit.state in TERMINAL:
                assert steps[-1].what == edit.state
            sent = sum(step.times for step in steps if step.what == "sent")
            assert sent <= edit.fence
            assert sent >= edit.submits or "folded" in [step.what for step in steps]

    # --- the model's words -----------------------------------------------------------------------

    def of(self, batch: str) -> list[tuple[str, Model]]:
        return [(m, e) for m, e in self.model.items() if m.startswith(f"{batch}/")]

    def end(self, edit: Model, to: EditState) -> None:
        edit.unanswered |= edit.intent  # which is kept: a retry must know of it
        edit.state, edit.due, edit.result = to, None, True
        edit.begun, edit.rescues, edit.holder, edit.asked = False, 0, False, False

    def back_to_queue(self, member: str, edit: Model) -> None:
        if member.split("/")[0] in self.cancelled:
            self.end(edit, S.CANCELLED)
        else:
            edit.state, edit.holder = S.QUEUED, False

    # --- what always holds -----------------------------------------------------------------------

    @invariant()
    def every_edit_is_in_one_state_and_counts_equal_members(self) -> None:
        for batch in BATCHES:
            view = self.ledger.reader.batch(batch)
            if view is None:
                assert not list(self.of(batch))
                continue
            assert view.counts == Counter(e.state for _, e in self.of(batch))
            assert view.duplicates == sum(e.duplicate for _, e in self.of(batch))
            pending = self.client.hget(self.keys.batch(batch), "pending")
            assert int(pending or -1) == sum(e.state not in TERMINAL for _, e in self.of(batch))
        for member, edit in self.model.items():
            assert self.client.hget(self.keys.edit(member), "state") == edit.state

    @invariant()
    def the_sums_are_those_of_the_batches(self) -> None:
        sums = Counter({name: int(n) for name, n in self.client.hgetall(self.keys.counts).items()})
        for state, n in Counter(e.state for e in self.model.values()).items():
            assert sums[f"n:{state}"] == n
        assert sums["accepted"] == len(self.model)
        assert sums["duplicates"] == sum(e.duplicate for e in self.model.values())
        assert sums["submit:200"] == self.answers
        waiting = {m.split("/")[0] for m, e in self.model.items() if e.state is S.QUEUED}
        assert set(self.client.zrange(self.keys.backlog, 0, -1)) == waiting

    @invariant()
    def what_takes_long_to_read_is_right(self) -> None:
        """Looked at after some of the moves, and in the end: what is wrong once stays so."""
        self.looks += 1
        if self.looks % LOOK_EACH == 0:
            self.the_strips_say_what_the_edits_say()
            self.one_result_and_one_event_an_end()

    def the_strips_say_what_the_edits_say(self) -> None:
        """Byte by byte in the batch's order; and the groups are those of the results, each with its exact count."""
        for batch in BATCHES:
            states = {m.split("/")[1]: e.state for m, e in self.of(batch)}
            order = [str(name) for name in self.client.lrange(self.keys.order(batch), 0, -1)]
            assert self.ledger.strips.states(batch).decode() == "".join(LETTERS[states[name]] for name in order)
            results = {one["custom_id"]: one for one in self.ledger.reader.results(batch)}
            failed = [results[name]["error"] if states[name] is S.FAILED else None for name in order]
            groups = {group.group: group for group in self.ledger.strips.failures(batch)}
            found = [groups.get(number) for number in self.ledger.strips.groups(batch)]
            told = [one and f"{one.code} {one.words}" for one in found]
            assert told == [group_of(error) if error else None for error in failed]
            assert {name: group.count for name, group in groups.items()} == Counter(g.group for g in found if g)
            assert all(order.index(str(one.example)) == found.index(one) for one in groups.values())

    @invariant()
    def nothing_claimable_is_forgotten(self) -> None:
        """Each edit that has not ended stands in exactly one of the two orders, but for the held."""
        ready = set(self.client.zrange(self.keys.ready, 0, -1))
        due = {m for m in self.client.zrange(self.keys.due, 0, -1) if "/" in m}
        assert ready & due == set()
        for member, edit in self.model.items():
            places = (member in ready, member in due)
            if edit.state in TERMINAL or edit.state is S.HELD:
                assert places == (False, False)
            elif edit.state is S.QUEUED:
                assert sum(places) == 1
            else:
                assert places == (False, True)

    @invariant()
    def places_are_those_of_the_edits_at_the_api(self) -> None:
        at_the_api = sum(e.samples for e in self.model.values() if e.state in (S.SUBMITTING, S.WAITING) and not e.asked)
        assert self.ledger.reader.provider().places_used == at_the_api

    @invariant()
    def money_is_set_aside_for_what_may_be_answered_alone(self) -> None:
        sums = Counter[str]()
        for batch in BATCHES:
            raw = self.client.hgetall(self.keys.batch(batch))
            found = {name: int(raw.get(name, 0)) for name in ("spent", "committed", "doubtful")}
            assert min(found.values()) >= 0
            open_ones = sum(e.samples for _, e in self.of(batch) if e.state is S.SUBMITTING and e.intent)
            assert found["committed"] <= open_ones
            sums.update(found)
        day = self.client.hgetall(self.keys.money("2001-09-09"))
        assert {name: int(day.get(name, 0)) for name in sums} == dict(sums)

    def one_result_and_one_event_an_end(self) -> None:
        for batch in BATCHES:
            ended = {m.split("/")[1] for m, e in self.of(batch) if e.result}
            assert {r["custom_id"] for r in self.ledger.reader.results(batch)} == ended
        told: Counter[str] = Counter()
        for event in self.ledger.reader.events():
            if event.type.startswith("retouch.edit."):
                told[event.type.removeprefix("retouch.edit.")] += 1
        counted: Counter[str] = Counter()
        for name, n in self.client.hgetall(self.keys.counts).items():
            what, *as_what = str(name).split(":")
            if what == "ended":
                counted[as_what[0]] += int(n)
        assert counted == told


@pytest.fixture(scope="module", autouse=True)
def _on_a_server(server: redis.Redis) -> None:
    LedgerMachine.server = server


LedgerMachine.TestCase.settings = settings(stateful_step_count=40)
TestLedgerModel = pytest.mark.slow(LedgerMachine.TestCase)
