"""A whole batch at a glance: a byte an edit, in the batch's order, and why its edits failed, in groups.

Edits that an older program enqueued have no place in the strips: what would stand there is found out at each read, page
by page, from the edits and their results. The ledger counts them in no group, so that the number of a group that only
they are in holds until another edit of the batch fails for a new reason.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from retouch.errors import InputError
from retouch.ledger.connection import Connection
from retouch.ledger.constants import OTHER_GROUP, PAGE
from retouch.ledger.reader import Reader
from retouch.ledger.views import EditRow, FailureGroup
from retouch.states import LETTERS, EditState
from retouch.wording import group_of

_STATES = {ord(letter): state for state, letter in LETTERS.items()}
_FAILED = ord(LETTERS[EditState.FAILED])
OTHERS = f" further reasons, beyond the {OTHER_GROUP - 1} that are told apart"  # as the name of a group, without a code


def check_group(group: int) -> int:
    """Return the number of a group; raises InputError unless it is one."""
    if not isinstance(group, int) or isinstance(group, bool) or not 1 <= group <= OTHER_GROUP:
        raise InputError(f"group must be a number from 1 to {OTHER_GROUP}, not {group!r:.40}")
    return group


class _Failures(NamedTuple):
    """The groups of a batch: a byte an edit, the numbers by name, and how many there are of each."""

    strip: bytes
    numbers: dict[str, int]
    counts: Counter[int]


class Strips:
    """Reads the strips of batches. Of a batch that there is not they are empty."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._keys = connection.keys

    def states(self, batch: str) -> bytes:
        """The states of all edits, in the batch's order: the letter of each in ``LETTERS``."""
        return self._completed(batch, self._stored(batch))

    def groups(self, batch: str) -> bytes:
        """The groups of all edits, in the same order: a number, 255 of those beyond the first 254; 0: not failed."""
        return self._failures(batch).strip

    def failures(self, batch: str) -> list[FailureGroup]:
        """Why edits of a batch failed, the most frequent reason first; all failed edits are counted."""
        found = self._failures(batch)
        names = {number: name for name, number in found.numbers.items()} | {OTHER_GROUP: OTHERS}
        groups = [(number, count) for number, count in found.counts.most_common() if count > 0]
        places = [found.strip.find(bytes([number])) for number, _ in groups]
        examples = self._connection.read_all(("LINDEX", self._keys.order(batch), max(place, 0)) for place in places)
        known = [
            example if place >= 0 else None for place, example in zip(places, examples, strict=True)
        ]  # < 0: retried
        messages = self._messages(batch, [example for example in known if example])
        told = []
        for (number, count), example in zip(groups, known, strict=True):
            code, _, words = names[number].partition(" ")
            told.append(FailureGroup(number, code, words, count, example, messages.get(example or "")))
        return told

    def _messages(self, batch: str, ids: Sequence[str]) -> dict[str, str]:
        """What failed edits say, by their custom ids."""
        results = Reader(self._connection).results_of(batch, ids) if ids else []
        return {one["custom_id"]: one["error"]["message"] for one in results if one["error"]}

    def rows(self, batch: str, places: Sequence[int], *, results: bool = False) -> list[EditRow]:
        """The edits at these places of the batch's order (from 0), as they were asked for; without those it has not.

        ``results``: with what has come out of them.
        """
        rows = {row.place: row for row in self._stored_rows(batch, list(_runs(places)))}
        if any(row.state is EditState.FAILED and not row.group for row in rows.values()):
            strip = self.groups(batch)
            rows = {place: row._replace(group=strip[place]) for place, row in rows.items() if place < len(strip)}
        found = [rows[place] for place in places if place in rows]
        return self._with_results(batch, found) if results else found

    def _with_results(self, batch: str, rows: Sequence[EditRow]) -> list[EditRow]:
        found: dict[str, dict[str, Any]] = {}
        for first in range(0, len(rows), PAGE):
            ids = [row.custom_id for row in rows[first : first + PAGE]]
            found |= {result["custom_id"]: result for result in Reader(self._connection).results_of(batch, ids)}
        return [row._replace(result=found.get(row.custom_id)) for row in rows]

    def _stored(self, batch: str) -> bytes:
        """The strip as it is stored, and as long as the batch: 0 where it says nothing."""
        [strip] = self._connection.read_bytes([("GET", self._keys.strip(batch))])
        size = int(self._connection.read("LLEN", self._keys.order(batch)))
        return strip[:size].ljust(size, b"\0")

    def _completed(self, batch: str, stored: bytes, first: int = 0) -> bytes:
        """The strip from the place ``first`` on, with the states of edits that have no place in it."""
        states = bytearray(stored)
        for page in self.ids_at(batch, [first + place for place in _zeros(stored)]):
            commands = (("HGET", self._keys.edit(f"{batch}/{custom_id}"), "state") for _, custom_id in page)
            for (place, _), state in zip(page, self._connection.read_all(commands), strict=True):
                states[place - first] = ord(LETTERS[EditState(state)]) if state else 0
        return bytes(states)

    def _failures(self, batch: str) -> _Failures:
        stored, keys = self._stored(batch), self._keys
        [strip] = self._connection.read_bytes([("GET", keys.groupstrip(batch))])
        table = self._connection.read("HGETALL", keys.groups(batch))
        counts = Counter({int(name): int(count) for name, count in table.items() if name.isdigit()})
        numbers = {name: int(number) for name, number in table.items() if not name.isdigit()}
        groups = bytearray(strip[: len(stored)].ljust(len(stored), b"\0"))
        older = _zeros(stored)
        states = self._completed(batch, stored) if older else stored
        for page in self.ids_at(batch, [place for place in older if states[place] == _FAILED]):
            results = self._connection.read("HMGET", keys.results(batch), *(custom_id for _, custom_id in page))
            for (place, _), result in zip(page, results, strict=True):
                if result:
                    name = group_of(json.loads(result)["error"])
                    groups[place] = number = numbers.get(name) or min(len(numbers) + 1, OTHER_GROUP)
                    counts[number] += 1
                    if number < OTHER_GROUP:
                        numbers[name] = number
        return _Failures(bytes(groups), numbers, counts)

    def _stored_rows(self, batch: str, runs: Sequence[tuple[int, int]]) -> Iterator[EditRow]:
        """The edits from the first to the last place of each run; of a failed one ``groups`` may know more."""
        if not runs:
            return
        keys, lowest, highest = self._keys, runs[0][0], runs[-1][1]
        parts = keys.strip(batch), keys.groupstrip(batch)
        strips = self._connection.read_bytes(("GETRANGE", part, lowest, highest) for part in parts)
        pages = self._connection.read_all(("LRANGE", keys.order(batch), *run) for run in runs)
        for (first, _), ids in zip(runs, pages, strict=True):
            begin, end = first - lowest, first - lowest + len(ids)
            strip, groups = (part[begin:end].ljust(len(ids), b"\0") for part in strips)
            states = self._completed(batch, strip, first)
            for place, (custom_id, state, group) in enumerate(zip(ids, states, groups, strict=True), first):
                if state:
                    yield EditRow(place, custom_id, _STATES[state], group)

    def ids_at(self, batch: str, places: Iterable[int]) -> Iterator[list[tuple[int, str]]]:
        """These places, from the first to the last, each with its custom id: a page of the order at a time."""
        for page, those in groupby(places, lambda place: place // PAGE):
            ids = self._connection.read("LRANGE", self._keys.order(batch), page * PAGE, page * PAGE + PAGE - 1)
            yield [(place, ids[place % PAGE]) for place in those if place % PAGE < len(ids)]


def _zeros(strip: bytes) -> list[int]:
    return [place for place, byte in enumerate(strip) if not byte] if 0 in strip else []


def _runs(places: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Places, as the first and the last of each run of them."""
    for _, run in groupby(enumerate(sorted(set(places))), lambda one: one[1] - one[0]):
        found = [place for _, place in run]
        yield found[0], found[-1]
