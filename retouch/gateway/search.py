"""Edits by their names over HTTP: what ``retouch.ledger.search`` does."""

from __future__ import annotations

from retouch.gateway.client import Client, understood
from retouch.ledger import EditRow, FoundEdits, NamedEdit

AT_ONCE = 500  # edits in one answer


class GatewaySearch:
    """Finds edits through a gateway; raises what ``Client`` raises."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @understood()
    def in_batch(self, batch: str, text: str, first: int = 0, most: int = AT_ONCE) -> FoundEdits:
        """At most so many edits of a batch that have this text in their custom id, from the place ``first`` on."""
        asked = {"text": text, "from": first, "count": min(most, AT_ONCE)}
        found = self._client.json("GET", f"/v1/batches/{batch}/search", params=asked)
        following = found["next"]
        return FoundEdits([EditRow.from_json(one) for one in found["edits"]], following and int(following))

    @understood()
    def named(self, name: str, prefix: str = "") -> list[NamedEdit]:
        """The edits of this name in the newest batches whose ids begin so."""
        found = self._client.json("GET", "/v1/edits", params={"name": name})["edits"]
        return [NamedEdit.from_json(one) for one in found if one["batch"].startswith(prefix)]
