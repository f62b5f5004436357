"""The record of requests: what a test or a judge reads to learn what really reached the API."""

from __future__ import annotations

import json
import time
from collections import deque
from itertools import islice
from pathlib import Path
from typing import Any

LIMIT = 1_000_000  # requests kept in memory
MAX_TEXT = 500  # characters of a prompt or a key kept in an entry


class Record:
    """Every request, oldest first, each with its number ``seq`` from 0.

    With ``path``, each entry is also appended there before the request is answered, so an answer that anyone
    has seen is there even after ``kill -9`` of this process. Raises OSError if the file cannot be opened.
    """

    def __init__(self, path: Path | None = None, limit: int = LIMIT) -> None:
        self._entries: deque[tuple[str, bytes]] = deque(maxlen=limit)
        self._next = 0
        self._file = path.open("ab", buffering=0) if path else None

    def add(self, kind: str, **fields: Any) -> None:
        """Keep one request of that ``kind`` (submit, status, result, other)."""
        entry = {"seq": self._next, "time": time.time(), "kind": kind}
        entry.update({name: _shortened(value) for name, value in fields.items()})
        line = json.dumps(entry, separators=(",", ":")).encode()
        self._next += 1
        self._entries.append((kind, line))
        if self._file:
            self._file.write(line + b"\n")  # unbuffered: one write, one line

    def since(self, seq: int, kind: str | None = None) -> bytes:
        """Return a JSON list of the entries from number ``seq`` on, all or of one kind."""
        first = self._next - len(self._entries)
        entries = islice(self._entries, max(0, seq - first), None)
        return b"[" + b",\n".join(line for this, line in entries if kind is None or this == kind) + b"]"


def _shortened(value: Any) -> Any:
    return value[:MAX_TEXT] if isinstance(value, str) else value
