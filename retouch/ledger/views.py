"""The values that the ledger returns: times as aware UTC datetimes, durations in seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from retouch.ledger.claims import About, body, made_of
from retouch.ledger.constants import LIFTED
from retouch.ledger.money import BatchMoney
from retouch.price import Price
from retouch.records.batches import BatchPauseRecord, BatchRecord, FailureGroupRecord
from retouch.records.edits import EditRecord, EditRowRecord
from retouch.records.provider import PauseRecord, ProviderRecord
from retouch.states import TERMINAL, BatchState, EditState

PAUSED = "paused"  # how a batch is shown that is paused; its state is another


def instant(ms: int | float | str | None) -> datetime | None:
    """A stored time (ms since 1970) as a datetime, or None."""
    return None if ms is None else datetime.fromtimestamp(float(ms) / 1000, UTC)


def iso(ms: float | str | None) -> str | None:
    """A stored time as RFC 3339 text in UTC, to the millisecond, or None."""
    moment = instant(ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None


def _read(text: str | None) -> datetime | None:
    """A time as ``iso`` writes it."""
    return datetime.fromisoformat(text) if text else None


def _told(moment: datetime | None) -> str | None:
    return iso(moment.timestamp() * 1000) if moment else None


def present(record: Mapping[str, Any], defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A stored result with what it was made of: one line of ``manifest.jsonl``, the data of an edit's event.

    Times are text. Each image says whether it is ``blank`` or ``filtered``; stored is that only of those that are.
    ``parameters``: as they were sent, but with the seed that the API says it used, and without the link to
    ``init_image``.
    """
    parameters, about = made_of(defaults, own)
    uri = str(parameters.pop("init_image", ""))
    return {
        **record,
        "outputs": [_whole(output) for output in record["outputs"]],
        "cost": cost.to_json() if (cost := Price.parse(record.get("cost") or "")) else None,
        "submitted_at": iso(record["submitted_at"]),
        "completed_at": iso(record["completed_at"]),
        "parameters": {**body(parameters), "seed": record["seed"]},
        "init_image": about.init_image or uri or None,
        "uploaded_as": uri if about.init_image and uri.startswith("s3://") else None,
        "redo_of": about.redo_of,
        "metadata": dict(about.metadata),
    }


def _whole(output: Mapping[str, Any]) -> dict[str, Any]:
    return {**output, "blank": output.get("blank", False), "filtered": output.get("filtered", False)}


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause of one kind of request (``submit``, ``status``), and its reason.

    ``cause`` is one of ``PauseCause``, or one that only a newer version knows. ``next_probe``: when one request finds
    out whether the cause is gone; None: a person, or a check, ends the pause.
    """

    kind: str
    cause: str
    reason: str
    since: datetime
    next_probe: datetime | None

    @property
    def name(self) -> str:
        """The pause as the ledger names it."""
        return f"{self.kind}:{self.cause}"

    @classmethod
    def parse(cls, name: str, text: str) -> Pause:
        """Read one field of the ledger's pauses."""
        raw = json.loads(text)
        since = instant(raw["since"])
        assert since is not None
        kind, _, cause = name.partition(":")
        return cls(kind, cause, raw["reason"], since, instant(raw["until"]) if raw["every"] else None)

    def to_json(self) -> PauseRecord:
        """A part of what ``retouch status --json`` prints."""
        return {
            "kind": self.kind,
            "cause": self.cause,
            "reason": self.reason,
            "since": self.since.isoformat(),
            "next_probe": self.next_probe.isoformat() if self.next_probe else None,
        }

    @classmethod
    def from_json(cls, raw: PauseRecord) -> Pause:
        """Read what ``to_json`` has made."""
        since = datetime.fromisoformat(raw["since"])
        return cls(raw["kind"], raw["cause"], raw["reason"], since, _read(raw["next_probe"]))


@dataclass(frozen=True, slots=True)
class BatchPauseView:
    """Why a batch does not move. ``cause`` is one of ``BatchPause``, or one that only a newer version knows."""

    cause: str
    reason: str
    since: datetime

    @classmethod
    def parse_all(cls, text: str | None) -> tuple[BatchPauseView, ...]:
        """Read a batch's field ``paused``."""
        raw = json.loads(text) if text else {}
        found = [(cause, one["reason"], instant(one["since"])) for cause, one in raw.items()]
        return tuple(cls(cause, reason, since) for cause, reason, since in found if since)

    def to_json(self) -> BatchPauseRecord:
        """A part of what ``retouch status BATCH --json`` prints."""
        return {"cause": self.cause, "reason": self.reason, "since": iso(self.since.timestamp() * 1000)}

    @classmethod
    def from_json(cls, raw: BatchPauseRecord) -> BatchPauseView:
        """Read what ``to_json`` has made."""
        return cls(raw["cause"], raw["reason"], datetime.fromisoformat(raw["since"] or ""))


@dataclass(frozen=True, slots=True)
class Provider:
    """How the API is used at present. ``places``: how many are allowed, by the last claim (None: there was none).

    ``troubles``: 5xx answers and lost connections in a row, of submits or of status requests. ``next_request``: when
    the next request may be sent.
    ``result_s``: how long results took lately, in seconds, if the number of places is learned.
    """

    places_used: int
    places: int | None
    troubles: int
    next_request: datetime | None
    result_s: float | None
    refusal: str | None = None  # the last one
    refused_at: datetime | None = None
    status_refused: int = 0  # edits of which the API refuses to say how they stand; 0 once it has said it of one

    @classmethod
    def parse(cls, raw: Mapping[str, str], status_refused: str | None) -> Provider:
        """Read the ledger's state, and for how many edits a status was refused since one was told."""
        booked = float(raw.get("slot", 0))
        return cls(
            places_used=int(raw.get("places", 0)),
            places=int(raw["allowed"]) if "allowed" in raw else None,
            troubles=max(int(raw.get(f"fails:{kind}", 0)) for kind in ("submit", "status")),
            next_request=instant(booked) if booked else None,
            result_s=float(raw["result_ms"]) / 1000 if "result_ms" in raw else None,
            refusal=raw.get("refusal"),
            refused_at=instant(raw.get("refused_at")),
            status_refused=int(status_refused or 0),
        )

    def to_json(self) -> ProviderRecord:
        """A part of what ``retouch status --json`` prints."""
        return {
            "places_used": self.places_used,
            "places": self.places,
            "troubles_in_a_row": self.troubles,
            "paced_until": iso(self.next_request.timestamp() * 1000) if self.next_request else None,
            "result_s": self.result_s,
            "last_refusal": self.refusal,
            "last_refusal_at": iso(self.refused_at.timestamp() * 1000) if self.refused_at else None,
            "status_refused": self.status_refused,
        }

    @classmethod
    def from_json(cls, raw: ProviderRecord) -> Provider:
        """Read what ``to_json`` has made."""
        return cls(
            places_used=raw["places_used"],
            places=raw["places"],
            troubles=raw["troubles_in_a_row"],
            next_request=_read(raw["paced_until"]),
            result_s=raw["result_s"],
            refusal=raw["last_refusal"],
            refused_at=_read(raw["last_refusal_at"]),
            status_refused=raw.get("status_refused", 0),  # an older gateway does not say it
        )


@dataclass(frozen=True, slots=True)
class BatchView:
    """One batch: how many of its edits are in each state, and whether it has ended."""

    batch: str
    state: BatchState
    counts: dict[EditState, int]
    created: datetime
    duplicates: int = 0
    blank: int = 0  # edits with an image that is black, or of one colour, or may be
    cancelled: bool = False
    note: str | None = None
    paused: tuple[BatchPauseView, ...] = ()
    recovered: int = 0  # of the edits that a retry asked about: completed with the result that the API still had
    sent_anew: int = 0  # of the same: not known to the API any more, so submitted again
    unsealed: datetime | None = None  # when a producer, which is not done, was last heard of; it does not end yet
    open_until: datetime | None = None  # more edits may come until then: it does not end before
    redo_of: str | None = None  # the batch whose edits this one does again
    content: str | None = None  # of such a batch: a hash of what was asked for
    redos: int = 0  # the highest number of a batch that did its edits again, removed or not
    defaults: dict[str, Any] = field(default_factory=dict)
    max_failures: str | None = None  # ``10`` or ``1%``: with more failed edits it is paused; None: nobody bounds them
    money: BatchMoney | None = None  # None: no price is known
    senders: tuple[str, ...] = ()  # whose edits it has, the first one first; empty: an older program, which did not say
    completed_at: datetime | None = None  # the last time; None: it is not, or an older program did not say

    @property
    def total(self) -> int:
        """All edits of the batch."""
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        """The edits that are completed, failed or cancelled."""
        return sum(n for state, n in self.counts.items() if state in TERMINAL)

    @property
    def place(self) -> tuple[int, str]:
        """Where it stands among all batches, the oldest first: when it was created (ms), and its name."""
        return round(self.created.timestamp() * 1000), self.batch

    @property
    def finished(self) -> bool:
        """Every edit has ended, and ``manifest.jsonl`` and ``_SUCCESS`` are written."""
        return self.state is BatchState.COMPLETED

    def __str__(self) -> str:
        return f"{self.batch}: {self.ended:,} of {self.total:,} ended ({self.shown_counts})"

    @property
    def shown_counts(self) -> str:
        """``3 queued, 5 completed``, in the order of an edit's life."""
        return ", ".join(f"{self.counts[s]} {s.value}" for s in EditState if self.counts.get(s)) or "no edits"

    @property
    def shown_state(self) -> str:
        """Its state as people are shown it: ``paused`` while its queued edits are not submitted, until it ends."""
        return PAUSED if self.paused and not self.finished else self.state.value

    def to_json(self) -> BatchRecord:
        """The object that ``retouch status BATCH --json`` prints."""
        return {
            "batch": self.batch,
            "state": self.state.value,
            "counts": {state.value: n for state, n in self.counts.items()},
            "total": self.total,
            "possible_duplicates": self.duplicates,
            "blank": self.blank,
            "created": iso(self.created.timestamp() * 1000),
            "note": self.note,
            "paused": [pause.to_json() for pause in self.paused],
            "recovered": self.recovered,
            "sent_anew": self.sent_anew,
            "sealed": self.unsealed is None,
            "producer_seen": iso(self.unsealed.timestamp() * 1000) if self.unsealed else None,
            "open_until": iso(self.open_until.timestamp() * 1000) if self.open_until else None,
            "redo_of": self.redo_of,
            "max_failures": self.max_failures,
            "money": self.money.to_json() if self.money else None,
            "senders": list(self.senders),
            "completed_at": iso(self.completed_at.timestamp() * 1000) if self.completed_at else None,
        }

    @classmethod
    def from_json(cls, raw: BatchRecord) -> BatchView:
        """Read what ``to_json`` has made; it says nothing of ``cancelled``, ``content``, ``redos`` and ``defaults``."""
        return cls(
            batch=raw["batch"],
            state=BatchState(raw["state"]),
            counts={state: raw["counts"][state.value] for state in EditState if state.value in raw["counts"]},
            created=datetime.fromisoformat(raw["created"] or ""),
            duplicates=raw["possible_duplicates"],
            blank=raw["blank"],
            note=raw["note"],
            paused=tuple(map(BatchPauseView.from_json, raw["paused"])),
            recovered=raw["recovered"],
            sent_anew=raw["sent_anew"],
            unsealed=None if raw["sealed"] else _read(raw["producer_seen"]),
            open_until=_read(raw.get("open_until")),
            redo_of=raw["redo_of"],
            max_failures=raw.get("max_failures"),
            money=BatchMoney.from_json(money) if (money := raw.get("money")) else None,
            senders=tuple(raw.get("senders", ())),
            completed_at=_read(raw.get("completed_at")),
        )

    @classmethod
    def parse(cls, batch: str, raw: Mapping[str, str], price: Price | None = None) -> BatchView:
        """Read the batch's hash; ``price``: of an image."""
        counts = {state: int(raw.get(f"n:{state}", 0)) for state in EditState}
        created, origin = instant(raw["created"]), json.loads(raw.get("origin", "{}"))
        assert created is not None
        return cls(
            batch=batch,
            state=BatchState(raw["state"]),
            counts={state: n for state, n in counts.items() if n},
            created=created,
            duplicates=int(raw.get("duplicates", 0)),
            blank=int(raw.get("blank", 0)),
            cancelled="cancelled" in raw,
            note=raw.get("note"),
            paused=BatchPauseView.parse_all(raw.get("paused")),
            recovered=int(raw.get("recovered", 0)),
            sent_anew=int(raw.get("sent_anew", 0)),
            unsealed=instant(max(json.loads(raw["unsealed"]).values())) if "unsealed" in raw else None,
            open_until=instant(raw.get("fill_until")),
            redo_of=origin.get("redo_of"),
            content=origin.get("content"),
            redos=int(raw.get("redos", 0)),
            defaults=json.loads(raw.get("defaults", "{}")),
            max_failures=limit if (limit := raw.get("max_failures")) != LIFTED else None,
            money=BatchMoney.parse(raw, price),
            senders=tuple(filter(None, json.loads(raw.get("senders", "[]")))),
            completed_at=instant(raw.get("completed_at")) if raw["state"] == BatchState.COMPLETED else None,
        )


@dataclass(frozen=True, slots=True)
class EditView:
    """One edit: its state, its parameters, and what happens next."""

    batch: str
    custom_id: str
    state: EditState
    parameters: dict[str, Any]
    submits: int
    duplicate: bool
    provider_id: str | None
    holder: str | None
    note: str | None
    polls: int
    submitted_at: datetime | None
    deadline: datetime | None
    due_at: datetime | None
    before_it: int | None
    result: dict[str, Any] | None
    strikes: int = 0  # how often in a row it was refused
    asked: bool = False  # a retry asks the API for the result that it had
    batch_paused: tuple[BatchPauseView, ...] = ()
    place: int | None = None  # in the batch's order, from 0

    def to_json(self) -> EditRecord:
        """The edit as the gateway tells of it: its parameters without ``init_image``, which may be a signed link."""
        return {
            "batch": self.batch,
            "custom_id": self.custom_id,
            "place": self.place,
            "state": self.state.value,
            "parameters": {name: value for name, value in self.parameters.items() if name != "init_image"},
            "submits": self.submits,
            "possible_duplicate": self.duplicate,
            "provider_id": self.provider_id,
            "holder": self.holder,
            "note": self.note,
            "polls": self.polls,
            "submitted_at": _told(self.submitted_at),
            "deadline": _told(self.deadline),
            "next_step_at": _told(self.due_at),
            "before_it": self.before_it,
            "refused_in_a_row": self.strikes,
            "asked_again": self.asked,
            "batch_paused": [pause.to_json() for pause in self.batch_paused],
            "result": self.result,
        }

    @classmethod
    def from_json(cls, raw: EditRecord) -> EditView:
        """Read what ``to_json`` has made."""
        return cls(
            batch=raw["batch"],
            custom_id=raw["custom_id"],
            place=raw.get("place"),  # an older gateway does not say it
            state=EditState(raw["state"]),
            parameters=raw["parameters"],
            submits=raw["submits"],
            duplicate=raw["possible_duplicate"],
            provider_id=raw["provider_id"],
            holder=raw["holder"],
            note=raw["note"],
            polls=raw["polls"],
            submitted_at=_read(raw["submitted_at"]),
            deadline=_read(raw["deadline"]),
            due_at=_read(raw["next_step_at"]),
            before_it=raw["before_it"],
            result=raw["result"],
            strikes=raw["refused_in_a_row"],
            asked=raw["asked_again"],
            batch_paused=tuple(map(BatchPauseView.from_json, raw["batch_paused"])),
        )


class Made(NamedTuple):
    """What an edit was made of, and its result as it is stored; None if it has not ended."""

    custom_id: str
    parameters: dict[str, Any]
    about: About
    result: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Edits of a batch that failed for one reason: messages that are alike but for numbers, ids, links and quoted text.

    ``group``: its number, which stays while the batch is there; 255: all that failed for further reasons, beyond the
    254 that are told apart. ``words``: of the message, in lower case, ``…`` for what differs; the status of an answer
    stays. ``count``: how many are failed so now. ``example``: the custom id of one of them. ``message``: what that one
    says, in its own words.
    """

    group: int
    code: str
    words: str
    count: int
    example: str | None
    message: str | None = None

    def to_json(self) -> FailureGroupRecord:
        """A part of what ``retouch status BATCH --json`` prints."""
        return {
            "group": self.group,
            "code": self.code,
            "words": self.words,
            "count": self.count,
            "example": self.example,
            "message": self.message,
        }

    @classmethod
    def from_json(cls, raw: FailureGroupRecord) -> FailureGroup:
        """Read what ``to_json`` has made."""
        return cls(raw["group"], raw["code"], raw["words"], raw["count"], raw["example"], raw.get("message"))


class EditRow(NamedTuple):
    """One edit of a batch as lists show it.

    ``place``: in the batch's order, from 0. ``group``: of its failure; 0 if it did not fail.
    ``result``: what has come out of it, as a line of ``manifest.jsonl``, if results were asked for and it has ended.
    """

    place: int
    custom_id: str
    state: EditState
    group: int
    result: Mapping[str, Any] | None = None

    def to_json(self) -> EditRowRecord:
        """The row as the gateway tells of it, without its result."""
        return {"place": self.place, "custom_id": self.custom_id, "state": self.state.value, "group": self.group}

    @classmethod
    def from_json(cls, raw: EditRowRecord) -> EditRow:
        """Read what ``to_json`` has made."""
        state = EditState(raw["state"])
        return cls(raw["place"], raw["custom_id"], state, raw["group"], raw.get("result"))


class Origin(NamedTuple):
    """The installation that events are from: its random name, and the first event whose id has that name in it."""

    deployment: str
    named_from: str

    @property
    def source(self) -> str:
        """The source of its CloudEvents."""
        return f"/retouch/{self.deployment}"

    def event_id(self, stream_id: str) -> str:
        """The id of an event; what was told before ids had the installation's name in them keeps its id."""
        named = _place(stream_id) >= _place(self.named_from)
        return f"evt-{self.deployment}-{stream_id}" if named else f"evt-{stream_id}"


def _place(stream_id: str) -> tuple[int, int]:
    ms, _, number = stream_id.partition("-")
    return int(ms), int(number)


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the event stream."""

    stream_id: str
    type: str
    subject: str
    time: datetime
    data: dict[str, Any]

    @classmethod
    def parse(cls, stream_id: str, raw: Mapping[str, str]) -> Event:
        """Read a stream entry."""
        time = instant(raw["time"])
        assert time is not None
        data = json.loads(raw["data"])
        if "custom_id" in data:
            data = present(data, *data.pop("made_of", ({}, {})))
        return cls(stream_id, raw["type"], raw["subject"], time, data)

    def cloudevent(self, origin: Origin) -> dict[str, Any]:
        """The event as CloudEvents 1.0 JSON; its id is the same at every delivery, and no other event's."""
        return {
            "specversion": "1.0",
            "id": origin.event_id(self.stream_id),
            "source": origin.source,
            "type": self.type,
            "subject": self.subject,
            "time": iso(self.time.timestamp() * 1000),
            "datacontenttype": "application/json",
            "data": self.data,
        }
