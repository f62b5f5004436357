"""What the ledger knows of the sinks of events, and of what was not delivered to them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from retouch.ledger.constants import NOTIFY_PREFIX
from retouch.ledger.views import Event, Origin, instant, iso
from retouch.records.installation import SinkRecord


class Named(NamedTuple):
    """A sink as its worker names it: what people are told of it, and the types of events that it asks for (none: all).

    Types are without ``retouch.``.
    """

    shown: str
    types: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Sink:
    """Where events are delivered. ``shown``: what people are told of it, such as a webhook's host.

    ``live``: a live worker has it, or it is a batch's own (``notify:BATCH``), to which every worker delivers.
    ``types``: of the events that it is told, without ``retouch.``; empty: all. ``gone``: what its receiver said, if
    that is not there any more; then nothing is delivered. ``held``: why it is asked only now and then, since it took
    none of several deliveries. ``delivered``: how many events it has taken; ``waiting``: deliveries that are to be
    made; ``undelivered``: those tried in vain or given up. ``error``: why the last one failed, even if others did not.
    """

    name: str
    shown: str
    live: bool
    gone: str | None
    gone_since: datetime | None
    waiting: int
    undelivered: int
    types: tuple[str, ...] = ()
    delivered: int = 0
    held: str | None = None
    held_since: datetime | None = None
    next_probe: datetime | None = None
    error: str | None = None
    error_at: datetime | None = None

    @classmethod
    def parse(cls, name: str, text: str, counts: Sequence[int], live_since: int) -> Sink:
        """Read one field of the ledger's sinks."""
        raw = json.loads(text)
        gone, held, failed = (raw.get(part) or {} for part in ("gone", "held", "failed"))
        waiting, undelivered = counts
        return cls(
            name=name,
            shown=raw["shown"],
            live=name.startswith(NOTIFY_PREFIX) or raw["seen"] >= live_since,
            gone=gone.get("reason"),
            gone_since=instant(gone.get("since")),
            waiting=waiting,
            undelivered=undelivered,
            types=tuple(part for part in raw.get("types", "").split(";") if part),
            delivered=int(raw.get("delivered", 0)),
            held=held.get("reason"),
            held_since=instant(held.get("since")),
            next_probe=instant(held.get("until")),
            error=failed.get("reason"),
            error_at=instant(failed.get("at")),
        )

    @classmethod
    def from_json(cls, told: SinkRecord) -> Sink:
        """Read what ``to_json`` has made."""
        return cls(
            name=told["sink"],
            shown=told["to"],
            live=told["live"],
            gone=told["gone"],
            gone_since=_read(told["gone_since"]),
            waiting=told["waiting"],
            undelivered=told["undelivered"],
            types=tuple(name.removeprefix("retouch.") for name in told["types"]),
            delivered=told["delivered"],
            held=told["held"],
            held_since=_read(told["held_since"]),
            next_probe=_read(told["next_probe"]),
            error=told["last_error"],
            error_at=_read(told["last_error_at"]),
        )

    def to_json(self) -> SinkRecord:
        """A part of what ``retouch status --json`` and ``retouch sinks --json`` print."""
        return {
            "sink": self.name,
            "to": self.shown,
            "types": [f"retouch.{name}" for name in self.types],
            "live": self.live,
            "gone": self.gone,
            "gone_since": _told(self.gone_since),
            "held": self.held,
            "held_since": _told(self.held_since),
            "next_probe": _told(self.next_probe),
            "delivered": self.delivered,
            "waiting": self.waiting,
            "undelivered": self.undelivered,
            "last_error": self.error,
            "last_error_at": _told(self.error_at),
        }


def types_text(types: Sequence[str]) -> str:
    """The types that a sink asks for, as the ledger keeps them; empty: all."""
    return f";{';'.join(types)};" if types else ""


def notify_sink(batch: str) -> str:
    """The name of a batch's own sink."""
    return NOTIFY_PREFIX + batch


def _read(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _told(at: datetime | None) -> str | None:
    return iso(at.timestamp() * 1000) if at else None


@dataclass(frozen=True, slots=True)
class Undelivered:
    """An event that a sink has not taken; ``next_try``: None if it is not delivered by itself any more."""

    sink: str
    event: Event
    tries: int
    reason: str
    since: datetime | None  # of the first try
    next_try: datetime | None

    @classmethod
    def parse(cls, sink: Sink, event: Event, raw: Mapping[str, str], next_try: float | None) -> Undelivered:
        """Read a delivery. ``next_try``: its time in the outbox."""
        waits = sink.gone or (None if sink.live else "no live worker has this sink")
        reason = waits if waits and next_try is not None else raw.get("reason", "")
        return cls(
            sink=sink.name,
            event=event,
            tries=int(raw.get("tries", 0)),
            reason=reason,
            since=instant(raw.get("since")),
            next_try=None if waits else instant(next_try),
        )

    def cloudevent(self, origin: Origin) -> dict[str, Any]:
        """The event as CloudEvents 1.0 JSON, with how its delivery stands as extension attributes."""
        times = {"since": self.since, "nexttry": self.next_try}
        return {
            **self.event.cloudevent(origin),
            "sink": self.sink,
            "tries": self.tries,
            "reason": self.reason,
            **{name: iso(at.timestamp() * 1000) for name, at in times.items() if at},
        }


class Pending(NamedTuple):
    """A delivery that is to be made: its event (None: it was trimmed), how often it was tried, and where to.

    ``url``: of a batch's own sink; None if that was removed, and for others.
    """

    event: Event | None
    tries: int
    url: str | None = None


def event_place(member: str) -> str:
    """Where a delivery stands among those that were not taken, in the order of their events (as in deliveries.lua)."""
    ms, number = member.partition("/")[2].split("-")
    return f"{int(ms) + min(int(number), 4095) / 4096:.12f}"
