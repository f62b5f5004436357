"""The mutations: one table each in the TOML files beside this module."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]


class StaleError(Exception):
    """The text that a mutation replaces is not in its file exactly once: the code has changed, so must the mutation."""


class Mutation(NamedTuple):
    """One planted bug: in ``file``, ``new`` in place of ``old``.

    ``bug`` says in one sentence what it is, ``tests`` are the files or folders that should notice it and are run first,
    and ``survives`` is the reason if no fast test does.
    """

    name: str
    file: str
    old: str
    new: str
    bug: str
    tests: list[str]
    survives: str = ""

    def planted(self, root: Path = ROOT) -> str:
        """The text of its file below ``root`` with the bug in it; raises StaleError."""
        path = root / self.file
        text = path.read_text() if path.is_file() else ""
        if (found := text.count(self.old)) != 1:
            raise StaleError(f"{self.name}: its text is {found} times in {self.file}, not once")
        return text.replace(self.old, self.new)


def load() -> list[Mutation]:
    """All mutations, in the order of their files' names."""
    return list(_read())


def _read() -> Iterator[Mutation]:
    for path in sorted(FOLDER.glob("*.toml")):
        for name, fields in tomllib.loads(path.read_text()).items():
            yield Mutation(name, **fields)
