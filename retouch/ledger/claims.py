"""What the ledger and its callers exchange: entries and verdicts, claims, settlements."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from retouch.causes import AmbiguityPolicy, Fared, Outcome
from retouch.states import EditState
from retouch.wording import gist, group_of


class Entry(NamedTuple):
    """An edit as the ledger keeps it."""

    custom_id: str
    digest: str
    parameters: str  # JSON, without the batch's defaults; under ``ABOUT`` what is not sent
    samples: int
    seed: int | None


ABOUT = "about"  # among an edit's own parameters


class About(NamedTuple):
    """What a producer says about an edit, which is not sent to the API."""

    init_image: str | None = None  # as it may be shown, where it is not as it was given: one to upload, a signed link
    redo_of: str | None = None  # ``batch/custom_id`` of the edit that this one does once more
    metadata: Mapping[str, str] = MappingProxyType({})

    def to_json(self) -> dict[str, Any]:
        """What is kept of it: the parts that say something."""
        parts = {"init_image": self.init_image, "redo_of": self.redo_of, "metadata": dict(self.metadata)}
        return {name: part for name, part in parts.items() if part}


class Intervals(NamedTuple):
    """The least time between two requests to the API, two submits and two polls, in ms; 0: no limit."""

    request_ms: float = 0
    submit_ms: float = 0
    poll_ms: float = 0


UNPACED = Intervals()

NOW = 0  # as the time of a request: when the ledger hears of it


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

    member: str  # an edit's ``batch/custom_id``, a batch's id, or a delivery's ``SINK/EVENT``
    fence: int
    step: Step
    at_ms: int = 0  # when its request is to be sent, by the Redis server's clock; 0: at once

    @property
    def sink(self) -> str:
        """Where a delivery goes."""
        return self.member.partition("/")[0]

    @property
    def stream_id(self) -> str:
        """The event of a delivery."""
        return self.member.partition("/")[2]


class Policy(NamedTuple):
    """What happens to an edit that was sent and not answered.

    ``fallback``: with IDEMPOTENT, what is done when its key is too old. ``resubmits``: how often it is sent again after
    an error that the API itself answered.
    """

    ambiguous: AmbiguityPolicy = AmbiguityPolicy.RESUBMIT
    fallback: AmbiguityPolicy = AmbiguityPolicy.RESUBMIT
    resubmits: int = 3


class InForce(NamedTuple):
    """A pause as the workers see it; ``ends``: of its Retry-After (ms, wall clock of the server; 0: it has none)."""

    ends: int
    reason: str


class Wait(NamedTuple):
    """The API asked a worker to wait with requests of a kind; ``until``: ms, wall clock of the server."""

    stream_id: str
    kind: str
    until: int


@dataclass(frozen=True, slots=True)
class Harvest:
    """What one call of ``claim`` took.

    ``pauses``: those in force, by name. ``ask_at``: when to ask the API whether it answers at all (ms, wall clock of
    the Redis server; 0: at once); None: not.
    """

    claims: list[Claim]
    next_due_ms: int | None  # wall clock, ms; None if there is no appointment
    now: int = 0  # ms, wall clock of the Redis server
    pauses: dict[str, InForce] = field(default_factory=dict)
    ask_at: int | None = None


class BegunSubmit(NamedTuple):
    """What a submit needs; its intent is written."""

    parameters: dict[str, Any]
    number: int  # the submit's number
    tries: int  # how often in a row the API did not accept it
    now: int  # ms, wall clock of the Redis server
    strikes: int = 0  # how often in a row the API refused it
    errors: int = 0  # how often in a row the API answered with an error
    again: bool = False  # under a number that was sent before
    link: str = ""  # to its init_image, as it was sent before under this number
    made: str = ""  # when its batch was made: no two batches of one name have the same; empty: by an older program

    @property
    def key_end(self) -> str:
        """The end of its idempotency key: of this submit of its edit, in this batch, and of no other ever."""
        return f"{self.made}-{self.number}" if self.made else str(self.number)

    @classmethod
    def parse(cls, raw: Sequence[str]) -> BegunSubmit:
        """Read the answer of ``begin_submit.lua``."""
        parameters, defaults, number, tries, now, strikes, errors, again, link, made = raw
        return cls(
            parameters_of(json.loads(defaults), json.loads(parameters)),
            int(number),
            int(tries),
            int(now),
            int(strikes),
            int(errors),
            again == "1",
            link,
            made,
        )


class BegunPoll(NamedTuple):
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
    strikes: int  # how often in a row its status, or its result, was refused
    kind: str = ""  # of work: edits of one kind take about equally long
    seen_ms: int = 0  # the age at which it was last seen unfinished
    incomplete_since: int | None = None  # finished since then, but without all its links
    overdue: bool = False  # asked about after its deadline before

    @classmethod
    def parse(cls, raw: Sequence[str | None]) -> BegunPoll:
        """Read the answer of ``begin_poll.lua``."""
        now, state, provider_id, polls, tries, deadline, samples, urls, submitted_at, strikes, *rest = raw
        kind, seen, incomplete, overdue = rest
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
            incomplete_since=int(incomplete) if incomplete else None,
            overdue=bool(overdue),
        )


class Seen(NamedTuple):
    """One request that was not answered well: its kind, when it was sent (ms), and how it fared.

    ``wait_ms``: how long the API asks to wait, if THROTTLED.
    """

    kind: str
    sent_ms: int
    fared: Fared
    words: str
    wait_ms: int = 0


class Delivery(NamedTuple):
    """How the claim of a delivery ends; ``delay_ms``: until it is made AGAIN.

    ``wait_ms``: how long its receiver asks to wait with all deliveries.
    """

    claim: Claim
    outcome: Outcome
    reason: str = ""
    delay_ms: int = 0
    wait_ms: int = 0


class DeliverySettled(IntEnum):
    """What became of the settlement of a delivery, and of its sink with it."""

    LOST = 0  # the claim was another worker's, or the sink was dropped
    DONE = 1
    GONE = 2  # its receiver is not there any more: nothing more is delivered to it
    HELD = 3  # it took none of several, or asks to wait: it is asked only now and then
    BACK = 4  # it takes events again


class Run(NamedTuple):
    """A refusal as one of many: its words without what differs from edit to edit; ``definite``: they are about it."""

    words: str
    definite: bool


class Strike(NamedTuple):
    """A refusal as one of this edit's: many over ``patience_ms``, while others fare well, fail it; ``last``: this."""

    kind: str
    patience_ms: int
    last: bool = False


class Settled(IntEnum):
    """What became of a settlement."""

    LOST = 0  # the claim was another worker's: nothing of the edit was changed
    DONE = 1
    STRUCK_OUT = 2  # it failed: refused too often while others fared well
    SENT_ANEW = 3  # the API has it no longer: it is queued again


class Settlement(NamedTuple):
    """How a claim ends or continues; applied only if the claim's fence is still the newest.

    ``delay_ms``: when the edit is due again. ``keep``: the claim continues instead, with its lease.
    ``untaken``: the API did not accept the submit, so its number is used again; ``unpaid``: nor is it to be sent again,
    so that it costs nothing. ``good``: the kinds of requests that
    were answered well, and when they were sent (ms); ``seen``: those that were not. ``lesson``: what a result says
    about its kind of work. ``counts``: sums over all batches that rise by one (see ``keys.py``).
    """

    claim: Claim
    came_from: tuple[EditState, ...]
    to: EditState
    delay_ms: int = 0
    keep: bool = False
    untaken: bool = False
    unpaid: bool = False
    good: dict[str, int] | None = None
    seen: tuple[Seen, ...] = ()
    run: Run | None = None
    strike: Strike | None = None
    lesson: dict[str, Any] | None = None
    deadline_ms: int | None = None
    put: Mapping[str, str] = MappingProxyType({})
    drop: tuple[str, ...] = ()
    outputs: str | None = None
    error: str | None = None
    counts: tuple[str, ...] = ()

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
            "unpaid": self.unpaid,
            "good": self.good,
            "seen": self.seen,
            "run": self.run and self.run._asdict(),
            "strike": self.strike and self.strike._asdict(),
            "words": self._words,
            "lesson": self.lesson,
            "deadline_ms": self.deadline_ms,
            "set": self.put,
            "drop": self.drop,
            "outputs": self.outputs,
            "error": self.error,
            "counts": self.counts,
            "group": self.error and group_of(json.loads(self.error)),
        }
        return item | {name: value for name, value in optional.items() if value}

    @property
    def _words(self) -> str:
        """What the edit's journal says of what it met."""
        if self.seen:
            return gist(self.seen[0].words)
        return gist(self.put.get("note", "")) if self.to is EditState.QUEUED else ""


def parameters_of(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """An edit's parameters; null in ``own``: the batch sets the field, and this edit does not."""
    parameters = {name: value for name, value in {**defaults, **own}.items() if value is not None}
    parameters.pop(ABOUT, None)
    return parameters


def made_of(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> tuple[dict[str, Any], About]:
    """An edit's parameters, and what its producer says about it."""
    about = own.get(ABOUT, {})
    return parameters_of(defaults, own), About(**{name: about[name] for name in About._fields if name in about})


def body(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as they are sent: ``extra`` beside the others."""
    fields = dict(parameters)
    return {**fields.pop("extra", {}), **fields}
