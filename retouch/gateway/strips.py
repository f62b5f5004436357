"""A whole batch at a glance over HTTP: the part of ``retouch.ledger.Strips`` that a gateway offers."""

from __future__ import annotations

from collections.abc import Sequence

import requests

from retouch.errors import LedgerAwayError
from retouch.gateway.client import Client, reason_of, understood
from retouch.ledger import EditRow, FailureGroup

STRIP = "application/octet-stream"
ROWS = 500  # in one request


class GatewayStrips:
    """Reads strips through a gateway; raises what ``Client`` raises."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def states(self, batch: str) -> bytes:
        """The states of all edits, in the batch's order, a letter each."""
        return self._strip(batch, "states")

    def groups(self, batch: str) -> bytes:
        """The groups of all edits, in the same order, a byte each."""
        return self._strip(batch, "groups")

    def picks(self, batch: str) -> bytes:
        """What was chosen among the results, in the same order, a byte an edit."""
        return self._strip(batch, "picks")

    @understood()
    def failures(self, batch: str) -> list[FailureGroup]:
        """Why edits of a batch failed, the most frequent reason first."""
        found = self._client.json("GET", f"/v1/batches/{batch}/failures")
        return [FailureGroup.from_json(one) for one in found["groups"]]

    @understood()
    def rows(self, batch: str, places: Sequence[int], *, results: bool = False) -> list[EditRow]:
        """The edits at these places of the batch's order, as they were asked for; ``results``: with theirs."""
        more = {"results": "true"} if results else {}
        found: list[EditRow] = []
        for first in range(0, len(places), ROWS):
            at = ",".join(str(place) for place in places[first : first + ROWS])
            page = self._client.json("GET", f"/v1/batches/{batch}/edits", params={"at": at, **more})
            found += map(EditRow.from_json, page["edits"])
        return found

    def _strip(self, batch: str, of: str) -> bytes:
        try:
            with self._client.answer("GET", f"/v1/batches/{batch}/strip", params={"of": of}, kind=STRIP) as answer:
                return answer.content
        except requests.RequestException as error:
            raise LedgerAwayError(f"the strip was cut: {reason_of(error)}") from None
