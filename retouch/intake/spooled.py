"""Checked entries on disk: a body of a million lines needs no more memory than one of a thousand."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from retouch.ledger import Entry


class SpooledEntries:
    """What ``CheckedEdits`` keeps: numbers and entries, in their order. A context manager, at whose end they are gone.

    Raises OSError where the disk is full.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", prefix="retouch-")  # noqa: SIM115 - closed below
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
