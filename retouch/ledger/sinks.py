"""What the ledger knows of the sinks of events, and of what was not delivered to them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from retouch.ledger.views import Event, Origin, instant, iso
from retouch.records import SinkRecord


@dataclass(frozen=True, slots=True)
class Sink:
    """Where events are delivered. ``shown``: what people are told of it, such as a webhook's host.

    ``live``: a live worker has it. ``gone``: what its receiver said, if that is not there any more; then nothing is
    delivered. ``waiting``: deliveries that are to be made; ``undelivered``: those tried in vain or given up.
    """

    name: str
    shown: str
    live: bool
    gone: str | None
    gone_since: datetime | None
    waiting: int
    undelivered: int

    @classmethod
    def parse(cls, name: str, text: str, counts: Sequence[int], live_since: int) -> Sink:
        """Read one field of the ledger's sinks."""
        raw = json.loads(text)
        gone = raw.get("gone") or {}
        live = raw["seen"] >= live_since
        return cls(name, raw["shown"], live, gone.get("reason"), instant(gone.get("since")), *counts)

    def to_json(self) -> SinkRecord:
        """A part of what ``retouch status --json`` prints."""
        return {
            "sink": self.name,
            "to": self.shown,
            "live": self.live,
            "gone": self.gone,
            "gone_since": iso(self.gone_since.timestamp() * 1000) if self.gone_since else None,
            "waiting": self.waiting,
            "undelivered": self.undelivered,
        }


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


def event_place(member: str) -> str:
    """Where a delivery stands among those that were not taken, in the order of their events (as in deliveries.lua)."""
    ms, number = member.partition("/")[2].split("-")
    return f"{int(ms) + min(int(number), 4095) / 4096:.12f}"
