"""What is delivered to a sink, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol


class Message(NamedTuple):
    """An event on its way. ``body``: the CloudEvent as JSON in ASCII, the same at every try."""

    id: str
    type: str
    time: str  # RFC 3339
    body: str

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Message:
        """Make it of a CloudEvent."""
        return cls(event["id"], event["type"], event["time"], json.dumps(event, separators=(",", ":")))


class Answer(NamedTuple):
    """``reason``: why the event was not taken, without a secret; empty: it was.

    ``gone``: the receiver is not there any more, and wants no more of this. ``wait_s``: how long it asks to wait.
    """

    reason: str = ""
    gone: bool = False
    wait_s: float | None = None


TAKEN = Answer()


class Sender(Protocol):
    """Delivers to one sink, many events at once; raises nothing."""

    async def send(self, message: Message) -> Answer:
        """Try once to deliver an event."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...
