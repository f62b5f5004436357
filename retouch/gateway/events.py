"""Events over HTTP: a stream that is cut goes on after the last event that came."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import cast

import requests

from retouch.errors import LedgerAwayError
from retouch.event_log import CloudEvent, place_of
from retouch.gateway.client import Client, stranger
from retouch.reach import OnOutage, Reach

CHUNK = 64 * 1024  # bytes; less is given on when a piece ends. Of what a proxy sends without pieces, each byte at once
RETRY_MAX_S = 10.0  # until it connects again, which the gateway says
TRIES = 5  # to connect again without an event in between, where nobody waits for more


class GatewayEvents:
    """The events after a place in the stream, the oldest first; ``follow``: and those that come.

    As an iterator, it raises ServiceError if the gateway cannot be used; with ``follow`` it waits, and calls
    ``on_outage`` as ``EditQueue.wait`` does.
    """

    def __init__(self, client: Client, reach: Reach, after: str, *, follow: bool, on_outage: OnOutage | None) -> None:
        self._client = client
        self._reach = reach
        self._last = after
        self._follow = follow
        self._on_outage = on_outage
        self._retry_s = 0.0
        self._whole = False

    def __iter__(self) -> Iterator[CloudEvent]:
        """Each event once, in order."""
        tries = TRIES
        while True:
            before = self._last
            with self._connected() as answer:
                yield from self._events(answer)
            if self._whole and not self._follow:
                return
            tries = TRIES if self._last != before else tries - 1
            if not tries and not self._follow:
                with self._reach():
                    raise LedgerAwayError("its answer was cut, again and again")
            time.sleep(self._retry_s)

    def _connected(self) -> requests.Response:
        if self._follow and (found := self._reach.through_outages(self._ask, self._on_outage)):
            return found
        with self._reach():
            return self._ask()

    def _ask(self) -> requests.Response:
        asked = {"after": self._last, "follow": "true" if self._follow else "false"}
        answer = self._client.answer("GET", "/v1/events", params=asked)
        if answer.headers.get("Content-Type", "").partition(";")[0] == "text/event-stream":
            return answer
        with answer:
            raise stranger(answer)

    def _events(self, answer: requests.Response) -> Iterator[CloudEvent]:
        """Those of one answer; ``_whole`` tells whether it came to its end."""
        self._whole, data = False, b""
        lines = answer.iter_lines(CHUNK if answer.raw.chunked or not self._follow else 1)
        while (line := self._next(lines)) is not None:
            name, _, value = line.partition(b": ")
            if name == b"data":
                data = value
            elif name == b"retry":
                self._retry_s = min(int(value) / 1000, RETRY_MAX_S)
            elif not line and data:  # the event is whole
                event, data = cast(CloudEvent, json.loads(data)), b""
                self._last = place_of(event["id"])
                yield event
        self._whole = self._whole and not data

    def _next(self, lines: Iterator[bytes]) -> bytes | None:
        try:
            line = next(lines, None)
        except requests.RequestException:
            return None
        self._whole = line is None
        return line
