"""The names that pictures get on the disk of whoever saves them from a page."""

from __future__ import annotations

import re

# Windows has devices of these names, whatever follows behind a dot.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])\..*", re.IGNORECASE)


def saved_name(custom_id: str, number: int, extension: str) -> str:
    """The name of an image of an edit, ``number`` from 0: ``cat-1.png``, the next one ``cat-1.1.png``."""
    name = f"{custom_id}.{extension}" if number == 0 else f"{custom_id}.{number}.{extension}"
    return f"_{name}" if _DEVICES.fullmatch(name) else name


class SavedNames:
    """The same for many files of one folder: none is that of another, also where upper and lower case are one."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, custom_id: str, number: int, extension: str) -> str:
        """A name that no other picture has."""
        name = wanted = saved_name(custom_id, number, extension)
        again = 1
        while name.casefold() in self._taken:
            again += 1
            name = f"{wanted.removesuffix(f'.{extension}')}-{again}.{extension}"
        self._taken.add(name.casefold())
        return name
