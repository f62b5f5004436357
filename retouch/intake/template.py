"""Texts with names in braces, such as ``an oil painting of {caption}``, that each picture of a folder fills."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from retouch.errors import InputError

_PARTS = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class Template:
    """A text with names in braces; ``{{`` and ``}}`` are braces. Raises InputError for a name that is not ``known``.

    ``{caption|stem}`` is the first of these names that has a value. ``choices``: the names of each pair of braces.
    """

    def __init__(self, text: str, known: Collection[str]) -> None:
        self._text = text
        self.choices: set[frozenset[str]] = set()
        for part in _PARTS.finditer(text):
            name = part[1]
            if name is None and len(part[0]) == 1:
                raise InputError(
                    f"{text[:80]!r} has a single {part[0]}; a name stands in braces, such as {{stem}}, and a brace"
                    f" itself is written twice: {part[0] * 2}"
                )
            if name is None:
                continue
            choice = frozenset(name.split("|"))
            if unknown := choice.difference(known):
                names = ", ".join(f"{{{one}}}" for one in known)
                raise InputError(
                    f"{text[:80]!r} names {{{min(unknown)[:40]}}}, which is not known here; there are {names}"
                )
            self.choices.add(choice)

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with each name's value; a value may hold braces."""
        return _PARTS.sub(lambda part: part[0][0] if part[1] is None else _first(part[1], values), self._text)


def _first(names: str, values: Mapping[str, str]) -> str:
    return next((value for name in names.split("|") if (value := values[name])), "")
