"""A file of JSON lines that other processes append to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class Growing:
    """The entries of such a file, from where it ended when this was made; each is read once, when it is whole."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self.path = path
        self._entries: list[Record] = []
        self._offset = path.stat().st_size

    def read(self) -> list[Record]:
        """Every entry until now."""
        with self.path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        self._entries += [json.loads(line) for line in whole.splitlines()]
        return self._entries
