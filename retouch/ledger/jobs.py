"""Jobs: what a person has decided about many edits of a batch, counted first, then done page by page.

A job is about the edits as they stood when it was made, and about no others. Any number of callers may do its pages:
each page is done once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple, cast

from retouch.errors import InputError
from retouch.ledger.connection import Connection
from retouch.ledger.constants import JOB_TAKEN_MS, JOBS_LISTED, PAGE, JobState
from retouch.ledger.money import amount_of, price_of
from retouch.ledger.strips import Strips
from retouch.ledger.views import instant, iso
from retouch.plural import count
from retouch.price import Price
from retouch.records.jobs import JobRecord
from retouch.states import LETTERS, EditState

Action = Literal["retry", "anew", "cancel"]
OnProgress = Callable[[int, int], None]  # called with how many edits were dealt with, of how many
DEFAULT_STATES: Mapping[Action, tuple[EditState, ...]] = {
    "retry": (EditState.FAILED,),
    "anew": (EditState.FAILED,),
    "cancel": (EditState.QUEUED, EditState.HELD),
}
CHANGEABLE: Mapping[Action, frozenset[EditState]] = {
    "retry": frozenset({EditState.FAILED, EditState.HELD, EditState.CANCELLED}),
    "anew": frozenset({EditState.FAILED, EditState.HELD, EditState.CANCELLED}),
    "cancel": frozenset({EditState.QUEUED, EditState.HELD}),
}
_AT_WORK = frozenset({EditState.WAITING, EditState.COPYING})  # and those that are being sent, which the count finds
MOST_NAMED = 10_000  # custom ids
LISTED_AT_ONCE = 100  # jobs of all batches
LEFT_MS = 10_000  # that anybody might have gone on with a job, after which it is told that nobody does


class Which(NamedTuple):
    """The edits of a batch that a job is about: in these states; with ``groups`` of these failure groups alone, with
    ``custom_ids`` of these names alone.
    """

    states: tuple[EditState, ...]
    groups: tuple[int, ...] = ()
    custom_ids: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        action: Action,
        states: Iterable[EditState | str] | None,
        groups: Iterable[int] = (),
        custom_ids: Iterable[str] = (),
    ) -> Which:
        """What is asked for; without ``states`` the usual ones. Raises InputError if that cannot be done."""
        if action not in CHANGEABLE:
            raise InputError(f"action must be retry, anew or cancel, not {action!r:.40}")
        try:
            chosen = [EditState(state) for state in dict.fromkeys(states or DEFAULT_STATES[action])]
        except ValueError:
            raise InputError(f"states: {states!r:.80} are not states of an edit") from None
        found = cls(tuple(chosen), tuple(sorted(set(groups))), tuple(dict.fromkeys(custom_ids)))
        if wrong := [state for state in chosen if state not in CHANGEABLE[action]]:
            can = " or ".join(sorted(CHANGEABLE[action]))
            verb = "cancelled" if action == "cancel" else "tried again"
            raise InputError(f"an edit that is {wrong[0]} cannot be {verb}, but one that is {can}")
        if found.groups and set(chosen) != {EditState.FAILED}:
            raise InputError("groups are of failed edits: name no other states, or no groups")
        if len(found.custom_ids) > MOST_NAMED:
            raise InputError(
                f"custom_ids: {count(len(found.custom_ids), 'edit')}, and at most {MOST_NAMED:,} are named"
            )
        return found


@dataclass(frozen=True, slots=True)
class JobCost:
    """What is submitted again costs ``amount``; ``at_most``, if the API has nothing of what it is asked about."""

    amount: Decimal
    at_most: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Job:
    """What is done to ``counted`` edits of a batch, as they stood when the job was ``created``.

    About ``to_ask`` of those the API is asked first, and ``to_send`` are submitted again; ``at_work`` are at the API,
    and left alone. So far ``changed``, of which ``asked`` are asked about; ``skipped`` had changed meanwhile.
    ``left_since``: it is at work, and nobody has gone on with it since then; None: somebody does.
    """

    id: str
    batch: str
    action: Action
    states: tuple[EditState, ...]
    groups: tuple[int, ...]
    by: str
    state: JobState
    counted: int
    to_ask: int
    to_send: int
    at_work: int
    changed: int
    asked: int
    skipped: int
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    cost: JobCost | None = None
    left_since: datetime | None = None

    @property
    def done(self) -> int:
        """How many edits were dealt with."""
        return self.changed + self.skipped

    @classmethod
    def parse(cls, id: str, raw: Mapping[str, str], price: Price | None, left_since_ms: float | None = None) -> Job:
        """Read a job's hash."""
        created = instant(raw["created"])
        assert created is not None
        return cls(
            id=id,
            batch=raw["batch"],
            action=cast(Action, raw["action"]),
            states=tuple(EditState(one) for one in raw["states"].split(",") if one),
            groups=tuple(int(one) for one in raw["groups"].split(",") if one),
            by=raw["by"],
            state=JobState(raw["state"]),
            created=created,
            started=instant(raw.get("started")),
            ended=instant(raw.get("ended")),
            cost=_cost(raw, price),
            left_since=instant(left_since_ms),
            **{name: int(raw.get(name, 0)) for name in _NUMBERS},
        )

    def to_json(self) -> JobRecord:
        """The object that ``retouch jobs --json`` prints."""
        cost = self.cost
        return {
            "job": self.id,
            "batch": self.batch,
            "action": self.action,
            "states": [state.value for state in self.states],
            "groups": list(self.groups),
            "by": self.by,
            "state": self.state.value,
            "counted": self.counted,
            "to_ask": self.to_ask,
            "to_send": self.to_send,
            "at_work": self.at_work,
            "changed": self.changed,
            "asked": self.asked,
            "skipped": self.skipped,
            "created": iso(self.created.timestamp() * 1000) or "",
            "started": iso(self.started.timestamp() * 1000) if self.started else None,
            "ended": iso(self.ended.timestamp() * 1000) if self.ended else None,
            "left_since": iso(self.left_since.timestamp() * 1000) if self.left_since else None,
            "cost": {"amount": float(cost.amount), "at_most": float(cost.at_most), "currency": cost.currency}
            if cost
            else None,
        }

    @classmethod
    def from_json(cls, raw: JobRecord) -> Job:
        """Read what ``to_json`` has made."""
        cost = raw["cost"]
        return cls(
            id=raw["job"],
            batch=raw["batch"],
            action=raw["action"],
            states=tuple(EditState(one) for one in raw["states"]),
            groups=tuple(raw["groups"]),
            by=raw["by"],
            state=JobState(raw["state"]),
            counted=raw["counted"],
            to_ask=raw["to_ask"],
            to_send=raw["to_send"],
            at_work=raw["at_work"],
            changed=raw["changed"],
            asked=raw["asked"],
            skipped=raw["skipped"],
            created=datetime.fromisoformat(raw["created"]),
            started=datetime.fromisoformat(raw["started"]) if raw["started"] else None,
            ended=datetime.fromisoformat(raw["ended"]) if raw["ended"] else None,
            left_since=datetime.fromisoformat(raw["left_since"]) if raw["left_since"] else None,
            cost=JobCost(Decimal(str(cost["amount"])), Decimal(str(cost["at_most"])), cost["currency"])
            if cost
            else None,
        )


_NUMBERS = ("counted", "to_ask", "to_send", "at_work", "changed", "asked", "skipped")


class Advance(NamedTuple):
    """A job after a page: its state (None: it is gone), how many edits it is about, how many were dealt with."""

    state: JobState | None
    counted: int
    done: int


class Jobs:
    """Counts, starts, does and stops jobs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._keys = connection.keys
        self._strips = Strips(connection)

    def count(self, batch: str, action: Action, which: Which, *, by: str = "", at_once: bool = False) -> Job | None:
        """Count what a job would do, and change nothing; None: there is no such batch.

        It can be started for 15 minutes. ``at_once``: the caller starts it next, so that a cancel of all that waits
        refuses from now on who is still writing to the batch. Raises InputError for a custom id that it has not.
        """
        id, states = secrets.token_hex(8), set(which.states)
        cancels_all = action == "cancel" and EditState.QUEUED in states and not which.custom_ids
        if cancels_all:
            states.add(EditState.SUBMITTING)  # claimed and not sent yet, or sent, not answered, and under no claim
        groups = ",".join(map(str, which.groups))
        named = ",".join(state for state in EditState if state in states)
        flags = ("1" if cancels_all else "", "1" if at_once else "")
        if not self._connection.run("make_job", id, batch, action, named, groups, by, *flags):
            return None
        strip = self._strips.states(batch)
        chosen = _chosen(strip, states)
        if which.groups:
            chosen = _both(chosen, self._strips.groups(batch).translate(_mask(which.groups)))
        if which.custom_ids:
            chosen = _both(chosen, self._named(batch, which.custom_ids, len(strip)))
        at_work = _chosen(strip, _AT_WORK).count(1) if cancels_all else 0
        self._connection.run("fill_job", id, chosen, at_work)
        while self.advance(id).state is JobState.COUNTING:
            pass
        return self.job(id)

    def start(self, id: str, *, mine: bool = False) -> JobState | None:
        """Start a job that was counted, once; returns its state, None: there is none, or its batch is gone.

        ``mine``: the caller does its pages (``advance``), and others only if that ends.
        """
        return _state(self._connection.run("start_job", id, "1" if mine else ""))

    def advance(self, id: str) -> Advance:
        """Do the next page."""
        state, counted, done = self._connection.run("advance_job", id)
        return Advance(_state(state), int(counted), int(done))

    def run(self, id: str, on_progress: OnProgress | None = None) -> Job | None:
        """Start a job that was counted, and do all of it; None: there is none, or it is gone.

        If the process dies, others go on with it.
        """
        if self.start(id, mine=True) is None:
            return None
        state: JobState | None = JobState.RUNNING
        while state is JobState.RUNNING:
            state, counted, done = self.advance(id)
            if on_progress:
                on_progress(done, counted)
        return self.job(id)

    def stop(self, id: str) -> JobState | None:
        """Stop a job: what it has done stays; returns its state, None: there is none."""
        return _state(self._connection.run("stop_job", id))

    def job(self, id: str) -> Job | None:
        """One job; None if there is none of this id."""
        return next(iter(self._read([id])), None)

    def of_batch(self, batch: str, newest: int = 50) -> list[Job]:
        """The jobs of a batch that were started, the newest first: so many, and those older ones that are at work."""
        known, at_work = self._connection.read_all(
            [("HGET", self._keys.batch(batch), "jobs"), ("ZRANGE", self._keys.jobs, 0, -1)]
        )
        ids = (known or "").split()[::-1]
        return self._read([*ids[:newest], *(id for id in ids[newest:] if id in at_work)])

    def open(self) -> list[Job]:
        """The jobs of all batches that are at work, the oldest first."""
        found = self._read(self._connection.read("ZRANGE", self._keys.jobs, 0, -1))
        return sorted(found, key=lambda job: job.created)

    def recent(self, newest: int = 50, *, prefix: str = "") -> list[Job]:
        """All jobs that are at work, and those of the last 1,000 that are there still, so that there are ``newest``.

        The newest first; ``prefix``: only of batches whose ids begin so.
        """
        found = {job.id: job for job in self.open() if job.batch.startswith(prefix)}
        for first in range(0, JOBS_LISTED, LISTED_AT_ONCE):
            ids = self._connection.read("ZREVRANGE", self._keys.started_jobs, first, first + LISTED_AT_ONCE - 1)
            for job in self._read([id for id in ids if id not in found]):
                if len(found) < newest and job.batch.startswith(prefix):
                    found[job.id] = job
            if len(ids) < LISTED_AT_ONCE or len(found) >= newest:
                break
        return sorted(found.values(), key=lambda job: job.started or job.created, reverse=True)

    def due(self) -> list[str]:
        """The ids of jobs that nobody does the pages of, though they are at work."""
        now, key = self._connection.now(), self._keys.jobs
        later = f"({now + 2 * JOB_TAKEN_MS}"  # none is taken for so long, nor since: the clock has been set back
        over, ahead = self._connection.read_all(
            [("ZRANGEBYSCORE", key, "-inf", now), ("ZRANGEBYSCORE", key, later, "+inf")]
        )
        return [*over, *ahead]

    def _read(self, ids: Sequence[str]) -> list[Job]:
        if not ids:
            return []
        priced, *found = self._connection.read_all(
            [
                ("HMGET", self._keys.state, "price", "currency"),
                *(("HGETALL", self._keys.job(id)) for id in ids),
                *(("ZSCORE", self._keys.jobs, id) for id in ids),
            ]
        )
        price, due = price_of(*priced), found[len(ids) :]
        long_ago = self._connection.now() - LEFT_MS if any(due) else 0.0
        left = [float(one) if one and float(one) < long_ago else None for one in due]
        jobs = zip(ids, found[: len(ids)], left, strict=True)
        return [Job.parse(id, raw, price, since) for id, raw, since in jobs if raw]

    def _named(self, batch: str, custom_ids: Sequence[str], size: int) -> bytes:
        """A byte an edit: 1 for those of these names."""
        chosen, key = bytearray(size), self._keys
        for first in range(0, len(custom_ids), PAGE):
            page = custom_ids[first : first + PAGE]
            places = self._connection.read_all(("HGET", key.edit(f"{batch}/{one}"), "at") for one in page)
            for custom_id, place in zip(page, places, strict=True):
                if place is None:  # there is none, or an older program enqueued it
                    place = self._connection.read("LPOS", key.order(batch), custom_id)
                if place is None:
                    raise InputError(f"there is no edit {custom_id[:80]!r} in batch {batch!r}")
                if int(place) < size:
                    chosen[int(place)] = 1
        return bytes(chosen)


def _chosen(strip: bytes, states: Collection[EditState]) -> bytes:
    return strip.translate(_mask(ord(LETTERS[state]) for state in states))


def _mask(bytes_: Iterable[int]) -> bytes:
    table = bytearray(256)
    for byte in bytes_:
        table[byte] = 1
    return bytes(table)


def _both(one: bytes, other: bytes) -> bytes:
    size = min(len(one), len(other))
    both = int.from_bytes(one[:size]) & int.from_bytes(other[:size])
    return both.to_bytes(size)


def _state(answer: str) -> JobState | None:
    return JobState(answer) if answer else None


def _cost(raw: Mapping[str, str], price: Price | None) -> JobCost | None:
    if price is None:
        return None
    sent, asked = int(raw.get("images_to_send", 0)), int(raw.get("images_to_ask", 0))
    return JobCost(amount_of(sent * price.micros), amount_of((sent + asked) * price.micros), price.currency)
