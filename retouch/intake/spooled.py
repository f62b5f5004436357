"""Checked entries, beyond a few on disk: a body of a million lines needs no more memory than one of a thousand."""

from __future__ import annotations

import errno
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from retouch.ledger import Entry

MAX_IN_MEMORY = 64 * 1024  # characters of entries
MAX_PLACES = 10_000  # in memory, where each takes some 120 bytes
_CACHE_KIB = 4096  # of SQLite


class SpooledEntries:
    """What ``CheckedEdits`` keeps: numbers and entries, in their order. A context manager, at whose end they are gone.

    Raises OSError where the disk is full.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed below
            MAX_IN_MEMORY, "w+", encoding="utf-8", prefix="retouch-"
        )
        self._count = 0

    def append(self, item: tuple[int, Entry]) -> None:
        """Keep one more."""
        number, entry = item
        self._file.write(json.dumps([number, *entry]) + "\n")
        self._count += 1

    def __iter__(self) -> Iterator[tuple[int, Entry]]:
        """All of them, from the first on; not to be mixed with ``append``."""
        self._file.seek(0)
        for line in self._file:
            number, *entry = json.loads(line)
            yield number, Entry(*entry)

    def __len__(self) -> int:
        return self._count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._file.close()


class SpooledPlaces:
    """Where each ``custom_id`` was met first, for ``CheckedEdits``. A context manager, at whose end they are gone.

    Raises OSError where the disk is full.
    """

    def __init__(self) -> None:
        self._few: dict[str, int | str] = {}
        self._many: sqlite3.Connection | None = None

    def setdefault(self, custom_id: str, place: int | str) -> int | str:
        """The first place of this one, which is ``place`` if it is new."""
        if self._many is None:
            if len(self._few) < MAX_PLACES:
                return self._few.setdefault(custom_id, place)
            self._many = self._moved()
        try:
            return _set_default(self._many, custom_id, place)
        except sqlite3.OperationalError as error:
            raise OSError(errno.ENOSPC, str(error)) from None

    def clear(self) -> None:
        """Forget all."""
        self._few.clear()
        if self._many:
            self._many.close()
            self._many = None

    def _moved(self) -> sqlite3.Connection:
        """All of them in a file of SQLite's own, which has no name."""
        many = sqlite3.connect("", isolation_level=None)
        many.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        many.execute("PRAGMA journal_mode = OFF")  # nothing of it is to outlive this object
        many.execute("CREATE TABLE places (custom_id BLOB PRIMARY KEY, place) WITHOUT ROWID")
        many.execute("BEGIN")
        for custom_id, place in self._few.items():
            _set_default(many, custom_id, place)
        self._few.clear()
        return many

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.clear()


def _set_default(places: sqlite3.Connection, custom_id: str, place: int | str) -> int | str:
    key = custom_id.encode(errors="surrogatepass")  # what is no text is told later
    if places.execute("INSERT OR IGNORE INTO places VALUES (?, ?)", (key, place)).rowcount:
        return place
    first: int | str = places.execute("SELECT place FROM places WHERE custom_id = ?", (key,)).fetchone()[0]
    return first
