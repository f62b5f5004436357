"""What people have chosen among a batch's results: a byte an edit, in the batch's order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from retouch.errors import InputError
from retouch.ledger.connection import Connection
from retouch.ledger.strips import Strips
from retouch.records.picks import ChosenRecord

AT_ONCE = 100  # edits in a move: of an older program's the place is looked for


class Pick(StrEnum):
    """What a person has said of an edit's result."""

    PICKED = "picked"
    REJECTED = "rejected"


MARKS = {Pick.PICKED: "p", Pick.REJECTED: "r", None: ""}


class Chosen(NamedTuple):
    """What became of a choice.

    ``changed``: how many edits have it now. ``unknown``: custom ids that the batch has not. ``unfinished``: those that
    have not completed, so that there is no result to choose.
    """

    changed: int
    unknown: list[str]
    unfinished: list[str]

    def to_json(self) -> ChosenRecord:
        """What a gateway answers."""
        return {"changed": self.changed, "unknown": self.unknown, "unfinished": self.unfinished}


def choices(pick: Iterable[str], reject: Iterable[str], clear: Iterable[str]) -> dict[Pick | None, list[str]]:
    """Custom ids by what is said of them; raises InputError if two things are said of one."""
    found = {Pick.PICKED: _once(pick), Pick.REJECTED: _once(reject), None: _once(clear)}
    seen: set[str] = set()
    for ids in found.values():
        if twice := seen.intersection(ids):
            raise InputError(f"{min(twice)[:80]} is named twice: an edit is picked, rejected, or cleared")
        seen.update(ids)
    return found


def _once(ids: Iterable[str]) -> list[str]:
    if isinstance(ids, str):
        raise InputError(f"write a list of custom_ids, not {ids[:80]!r} alone")
    return list(dict.fromkeys(ids))


class Picks:
    """Reads and writes choices. Of a batch that there is not they are empty."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._strips = Strips(connection)

    def choose(self, batch: str, said: Mapping[Pick | None, list[str]]) -> Chosen:
        """Write what is said of these edits (None: neither any more); of one of which it was said before it is kept."""
        by_answer: dict[int, list[str]] = {1: [], 0: [], -1: []}
        for pick, ids in said.items():
            for first in range(0, len(ids), AT_ONCE):
                page = ids[first : first + AT_ONCE]
                for custom_id, answer in zip(
                    page, self._connection.run("pick", batch, MARKS[pick], *page), strict=True
                ):
                    by_answer[int(answer)].append(custom_id)
        return Chosen(len(by_answer[1]), by_answer[0], by_answer[-1])

    def strip(self, batch: str) -> bytes:
        """All choices in the batch's order: ``p`` picked, ``r`` rejected, 0 neither."""
        keys = self._connection.keys
        [strip] = self._connection.read_bytes([("GET", keys.picks(batch))])
        size = int(self._connection.read("LLEN", keys.order(batch)))
        return strip[:size].ljust(size, b"\0")

    def ids(self, batch: str, pick: Pick) -> Iterator[str]:
        """The custom ids of the edits of which that was said, in the batch's order; read page by page."""
        mark = ord(MARKS[pick])
        places = (place for place, byte in enumerate(self.strip(batch)) if byte == mark)
        return (custom_id for page in self._strips.ids_at(batch, places) for _, custom_id in page)
