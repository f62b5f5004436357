"""What people choose among a batch's results, over HTTP: what ``retouch.ledger.Picks`` does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from retouch.gateway.client import Client, understood
from retouch.gateway.strips import GatewayStrips
from retouch.ledger import Chosen, Pick

AT_ONCE = 500  # ids in one request
_LISTS = {Pick.PICKED: "pick", Pick.REJECTED: "reject", None: "clear"}


class GatewayPicks:
    """Reads and writes choices through a gateway; raises what ``Client`` raises."""

    def __init__(self, client: Client, strips: GatewayStrips) -> None:
        self._client = client
        self._strips = strips

    @understood()
    def choose(self, batch: str, said: Mapping[Pick | None, list[str]]) -> Chosen:
        """Write what is said of these edits (None: neither any more)."""
        total = Chosen(0, [], [])
        for pick, ids in said.items():
            for first in range(0, len(ids), AT_ONCE):
                asked = {_LISTS[pick]: ids[first : first + AT_ONCE]}
                found = self._client.json("POST", f"/v1/batches/{batch}/picks", json=asked)
                total = Chosen(
                    total.changed + int(found["changed"]),
                    total.unknown + list(found["unknown"]),
                    total.unfinished + list(found["unfinished"]),
                )
        return total

    def strip(self, batch: str) -> bytes:
        """All choices in the batch's order: ``p`` picked, ``r`` rejected, 0 neither."""
        return self._strips.picks(batch)

    @understood()
    def ids(self, batch: str, pick: Pick) -> Iterator[str]:
        """The custom ids of the edits of which that was said, in the batch's order."""
        found = self._client.json("GET", f"/v1/batches/{batch}/picks", params={"is": pick.value})
        return iter([str(one) for one in found["custom_ids"]])
