"""Events as producers read them, and those that no sink has taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NotRequired, TypedDict, cast

from retouch.errors import InputError
from retouch.ledger import Event, Ledger, Origin
from retouch.reach import OnOutage, Reach

OLDEST = "0-0"  # the place before all events
BLOCK_MS = 500  # how long one command waits for events; far below a command's timeout

_EVENT_ID = re.compile(r"(?:evt-)?(?:[0-9a-f]+-)?(?P<stream_id>\d{1,15}-\d{1,15})")


def place_of(event_id: str) -> str:
    """Where in the ledger's stream an event is, such as ``1700000000000-0``; raises InputError if it is no id."""
    if match := _EVENT_ID.fullmatch(event_id):
        return match["stream_id"]
    raise InputError(f"{event_id[:80]!r} is not an event's id, such as evt-0123456789abcdef-1700000000000-0")


class CloudEvent(TypedDict):
    """An event as CloudEvents 1.0 JSON; ``id`` is the same in every delivery."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    data: dict[str, Any]


class UndeliveredEvent(CloudEvent):
    """An event that a sink has not taken: how often it was tried, and why it was not taken; times in RFC 3339.

    ``since``: its first try, if there was one. ``nexttry`` is there if it is delivered by itself.
    """

    sink: str
    tries: int
    reason: str
    since: NotRequired[str]
    nexttry: NotRequired[str]


class EventLog:
    """The events of one installation; ``EditQueue`` says what its methods do."""

    def __init__(self, ledger: Ledger, reach: Reach) -> None:
        self._ledger = ledger
        self._reach = reach

    def events(self, after: str, *, follow: bool, on_outage: OnOutage | None) -> Iterator[CloudEvent]:
        """The events after the one with this id; raises InputError if it is not an id."""
        return self._events(place_of(after or OLDEST), follow, on_outage)

    def newest(self) -> str:
        """The place of the newest event in the stream."""
        with self._reach():
            return self._ledger.reader.newest_event()

    def _events(self, last: str, follow: bool, on_outage: OnOutage | None) -> Iterator[CloudEvent]:
        while True:
            page, origin = self._page(last, follow, on_outage)
            for event in page:
                yield cast(CloudEvent, event.cloudevent(origin))
            if page:
                last = page[-1].stream_id
            elif not follow:
                return

    def _page(self, last: str, follow: bool, on_outage: OnOutage | None) -> tuple[list[Event], Origin]:
        def read() -> tuple[list[Event], Origin]:
            page = self._ledger.reader.events(last, block_ms=BLOCK_MS if follow else None)
            return page, self._ledger.reader.origin()

        if follow and (found := self._reach.through_outages(read, on_outage)):
            return found
        with self._reach():
            return read()
