"""What the ledger and its callers exchange: entries and verdicts, claims, settlements."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from retouch.states import EditState


class Entry(NamedTuple):
    """An edit as the ledger keeps it."""

    custom_id: str
    digest: str
    parameters: str  # JSON, without the batch's defaults
    samples: int
    seed: int | None


class Intervals(NamedTuple):
    """The least time between two requests to the API, two submits and two polls, in ms; 0: no limit."""

    request_ms: float = 0
    submit_ms: float = 0
    poll_ms: float = 0


UNPACED = Intervals()


class Verdict(IntEnum):
    """The outcome of an entry."""

    ACCEPTED = 1
    ALREADY = 0
    CONFLICT = -1  # the custom id exists in the batch with other parameters


class Step(StrEnum):
    """What a claim is for; each is a task of its own."""

    SUBMIT = "submit"
    POLL = "poll"
    FINISH = "finish"
    ANNOUNCE = "announce"


class Claim(NamedTuple):
    """One step of work taken under a lease; only the newest ``fence`` of a ``member`` may settle."""

    member: str  # an edit's ``batch/custom_id``, a batch's id, or a delivery's ``sink/event-id``
    fence: int
    step: Step
    at_ms: int = 0  # when its request is to be sent, by the Redis server's clock; 0: at once


@dataclass(frozen=True, slots=True)
class Harvest:
    """What one call of ``claim`` took."""

    claims: list[Claim]
    next_due_ms: int | None  # wall clock, ms; None if there is no appointment
    paused: bool


@dataclass(frozen=True, slots=True)
class BegunSubmit:
    """What a submit needs; its intent is written."""

    parameters: dict[str, Any]
    number: int  # the submit's number, a part of the idempotency key
    tries: int  # how often in a row the API did not accept it
    now: int  # ms, wall clock of the Redis server

    @classmethod
    def parse(cls, raw: Sequence[str]) -> BegunSubmit:
        """Read the answer of ``begin_submit.lua``."""
        parameters, defaults, number, tries, now = raw
        return cls(merged(defaults, parameters), int(number), int(tries), int(now))


@dataclass(frozen=True, slots=True)
class BegunPoll:
    """What a poll needs to know of an edit. Times in ms, wall clock of the Redis server."""

    now: int
    state: EditState
    provider_id: str | None
    polls: int
    tries: int  # temporary errors in a row
    deadline: int | None
    samples: int
    urls: tuple[str, ...]
    submitted_at: int | None
    strikes: int  # definite errors in a row: an unknown id, a broken image
    kind: str = ""  # of work: edits of one kind take about equally long
    seen_ms: int = 0  # the age at which it was last seen unfinished
    incomplete_since: int | None = None  # finished since then, but without all its links

    @classmethod
    def parse(cls, raw: Sequence[str | None]) -> BegunPoll:
        """Read the answer of ``begin_poll.lua``."""
        now, state, provider_id, polls, tries, deadline, samples, urls, submitted_at, strikes, kind, seen, late = raw
        return cls(
            now=int(now or 0),
            state=EditState(state or ""),
            provider_id=provider_id,
            polls=int(polls or 0),
            tries=int(tries or 0),
            deadline=int(deadline) if deadline else None,
            samples=int(samples or 1),
            urls=tuple(json.loads(urls)) if urls else (),
            submitted_at=int(submitted_at) if submitted_at else None,
            strikes=int(strikes or 0),
            kind=kind or "",
            seen_ms=int(seen or 0),
            incomplete_since=int(late) if late else None,
        )


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a claim ends or continues; applied only if the claim's fence is still the newest.

    ``delay_ms``: when the edit is due again. ``keep``: the claim continues instead, with its lease.
    ``untaken``: the API did not accept the submit, so its number is used again. ``answered``: the API gave a good
    answer, which ends its errors in a row. ``lesson``: what a result says about its kind of work.
    """

    claim: Claim
    came_from: tuple[EditState, ...]
    to: EditState
    delay_ms: int = 0
    keep: bool = False
    untaken: bool = False
    answered: bool = False
    lesson: dict[str, Any] | None = None
    deadline_ms: int | None = None
    put: dict[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    outputs: str | None = None
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The item that ``settle.lua`` reads; empty parts are left out (Lua has no empty list)."""
        item: dict[str, Any] = {
            "id": self.claim.member,
            "fence": str(self.claim.fence),
            "from": self.came_from,
            "to": self.to,
            "delay_ms": self.delay_ms,
        }
        optional = {
            "keep": self.keep,
            "untaken": self.untaken,
            "answered": self.answered,
            "lesson": self.lesson,
            "deadline_ms": self.deadline_ms,
            "set": self.put,
            "drop": self.drop,
            "outputs": self.outputs,
            "error": self.error,
        }
        return item | {name: value for name, value in optional.items() if value}


def merged(defaults: str, own: str) -> dict[str, Any]:
    """An edit's parameters; null in ``own``: the batch sets the field, and this edit does not."""
    parameters = json.loads(defaults) | json.loads(own)
    return {name: value for name, value in parameters.items() if value is not None}
