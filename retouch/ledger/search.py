"""Edits by their names, or a part of them: nobody reads all names of a large batch for one of them."""

from __future__ import annotations

from typing import NamedTuple

from retouch.ledger.connection import Connection
from retouch.ledger.constants import PAGE
from retouch.ledger.reader import Reader
from retouch.ledger.strips import Strips
from retouch.ledger.views import EditRow
from retouch.records.edits import NamedEditRecord
from retouch.states import EditState

LOOKED_AT = 50 * PAGE  # names, in one search
PAGES_AT_ONCE = 5  # in one request to Redis
NEWEST, KNOWN = 200, 1000  # batches in which a name is looked for, among so many


class FoundEdits(NamedTuple):
    """Edits of a batch that a search has found. ``next``: the place from which it goes on; None: it is at the end."""

    edits: list[EditRow]
    next: int | None


class NamedEdit(NamedTuple):
    """An edit that was found by its name alone."""

    batch: str
    custom_id: str
    state: EditState

    def to_json(self) -> NamedEditRecord:
        """A part of what ``GET /v1/edits`` answers."""
        return {"batch": self.batch, "custom_id": self.custom_id, "state": self.state.value}

    @classmethod
    def from_json(cls, raw: NamedEditRecord) -> NamedEdit:
        """Read what ``to_json`` has made."""
        return cls(raw["batch"], raw["custom_id"], EditState(raw["state"]))


class Search:
    """Finds edits in Redis."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._keys = connection.keys
        self._reader = Reader(connection)
        self._strips = Strips(connection)

    def in_batch(self, batch: str, text: str, first: int = 0, most: int = PAGE) -> FoundEdits:
        """At most so many edits of a batch that have this text in their custom id, from the place ``first`` on.

        The one that is called so stands first, wherever it is. 25,000 names are looked at: more from ``next`` on.
        """
        places, following = self._places(batch, text.casefold(), first, most)
        if first == 0 and (exact := self._reader.edit(batch, text)) and exact.place is not None:
            places = [exact.place, *(place for place in places if place != exact.place)]
        return FoundEdits(self._strips.rows(batch, places), following)

    def named(self, name: str, prefix: str = "") -> list[NamedEdit]:
        """The edits of this name in the newest 200 batches whose ids begin so, the newest batch first.

        ``name``: a custom id, or ``batch/custom_id``: that one alone.
        """
        batch, slash, custom_id = name.partition("/")
        known = [batch] if slash else self._connection.read("ZREVRANGE", self._keys.batches, 0, KNOWN - 1)
        batches = [one for one in known if one.startswith(prefix)][:NEWEST]
        wanted = custom_id if slash else name
        states = self._connection.read_all(("HGET", self._keys.edit(f"{one}/{wanted}"), "state") for one in batches)
        return [NamedEdit(one, wanted, EditState(state)) for one, state in zip(batches, states, strict=True) if state]

    def _places(self, batch: str, wanted: str, first: int, most: int) -> tuple[list[int], int | None]:
        key, step, found = self._keys.order(batch), PAGE * PAGES_AT_ONCE, list[int]()
        size = int(self._connection.read("LLEN", key))
        end = min(first + LOOKED_AT, size)
        for begin in range(first, end, step):
            pages = range(begin, min(begin + step, end), PAGE)
            ids = self._connection.read_all(("LRANGE", key, page, page + PAGE - 1) for page in pages)
            for place, name in enumerate((name for page in ids for name in page), begin):
                if wanted in name.casefold():
                    found.append(place)
                    if len(found) == most:
                        return found, place + 1 if place + 1 < size else None
        return found, end if end < size else None
