"""New seeds: each edit of a source once more, or several times, each time with a seed that no other one has."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from retouch.errors import InputError
from retouch.intake.custom_ids import custom_id_for, is_custom_id
from retouch.intake.source import Line, Source

MOST = 100  # of each edit
_BITS = 31  # every API takes so much
_SEED_IN_ID = re.compile(r"\.seed--?\d+")


def check_new_seeds(times: int) -> int:
    """Return how many new seeds each edit gets; raises InputError unless it is 0 to MOST."""
    if isinstance(times, bool) or not isinstance(times, int) or not 0 <= times <= MOST:
        raise InputError(f"new seeds: each edit gets 1 to {MOST}, not {str(times)[:20]}")
    return times


class Reseeded:
    """A ``Source`` around another: each edit ``times`` times, with seeds of its own, which its id says.

    They are drawn from a hash of ``salt`` and of the edit's id: the same again is the same edits.
    """

    def __init__(self, source: Source, times: int, salt: str) -> None:
        self._source = source
        self._times = times
        self._salt = salt

    @property
    def notes(self) -> list[str]:
        """Those of the other source."""
        return self._source.notes

    def __iter__(self) -> Iterator[Line]:
        drawn = set[int]()
        for line in self._source:
            if line.problem or not is_custom_id(line.fields.get("custom_id")):
                yield line  # it is refused
                continue
            for number in range(self._times):
                seed = self._draw(line.fields["custom_id"], number, drawn)
                name = f"{_SEED_IN_ID.sub('', line.fields['custom_id'])}.seed-{seed}"
                yield line._replace(fields=line.fields | {"seed": seed, "custom_id": custom_id_for(name, name)})

    def _draw(self, custom_id: str, number: int, drawn: set[int]) -> int:
        text = f"{self._salt}/{custom_id}/{number}"
        while True:
            digest = hashlib.sha256(text.encode()).digest()
            seed = int.from_bytes(digest[:4], "big") >> (32 - _BITS)
            if seed not in drawn:
                drawn.add(seed)
                return seed
            text += "'"
