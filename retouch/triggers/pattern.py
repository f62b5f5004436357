"""Which keys a recipe takes: ``incoming/{date}/{name}.{ext}``, and what the names stand for in one of them."""

from __future__ import annotations

import re
from typing import NamedTuple

from retouch.errors import InputError

_PART = re.compile(r"\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class _Segment(NamedTuple):
    """What stands between two slashes: texts, and a name between each two of them."""

    texts: list[str]
    names: list[str]


class KeyPattern:
    """A pattern of keys. A name is a part of one folder or file name; ``{name*}`` is one or more whole folders.

    Where a text between two names is in a key more than once, its last place counts: ``{name}.{ext}`` of ``a.b.png`` is
    ``a.b`` and ``png``. Raises InputError for a pattern that cannot be.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        if not text or text.startswith("/") or "//" in text or text.endswith("/"):
            raise InputError(
                f"{text[:100]!r} is no pattern of keys; write one such as 'incoming/{{date}}/{{name}}.{{ext}}'"
            )
        self.names: list[str] = []
        self._folders = ""
        self._left: list[_Segment] = []
        self._right: list[_Segment] = []
        for part in text.split("/"):
            if part.endswith("*}"):
                self._take_folders(part)
            else:
                (self._right if self._folders else self._left).append(self._segment(part))

    def __str__(self) -> str:
        return self._text

    @property
    def head(self) -> str:
        """What every key begins with that matches."""
        return self._text.partition("{")[0]

    def may_match_below(self, prefix: str) -> bool:
        """Whether it cannot be ruled out that a key which begins so matches."""
        return self.head.startswith(prefix) or prefix.startswith(self.head)

    def match(self, key: str) -> dict[str, str] | None:
        """What each name stands for in this key; None if the key does not match."""
        parts = key.split("/")
        left, right = len(self._left), len(self._right)
        between = len(parts) - left - right
        if between != 0 if not self._folders else between < 1:
            return None
        found = {self._folders: "/".join(parts[left : len(parts) - right])} if self._folders else {}
        own = [*parts[:left], *parts[len(parts) - right :]] if self._folders else parts
        for segment, part in zip([*self._left, *self._right], own, strict=True):
            values = _match(segment, part)
            if values is None:
                return None
            found.update(values)
        return found

    def _take_folders(self, part: str) -> None:
        if self._folders:
            raise self._wrong("has two names with a *; one of them is enough")
        if not part.startswith("{") or part.count("{") > 1:
            raise self._wrong(
                f"has {part[:60]}; a name with a * stands alone between two slashes, such as photos/{{path*}}/x"
            )
        self._folders = self._name(part[1:-2])

    def _segment(self, part: str) -> _Segment:
        texts, names, end = list[str](), list[str](), 0
        for found in _PART.finditer(part):
            if found[1] is None:
                raise self._wrong(f"has a single {found[0]}; a name stands in braces, such as {{name}}")
            texts.append(part[end : found.start()])
            if names and not texts[-1]:
                raise self._wrong("has two names side by side; put a text between them, such as {date}-{name}")
            names.append(self._name(found[1]))
            end = found.end()
        return _Segment([*texts, part[end:]], names)

    def _name(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise self._wrong(f"has the name {{{name[:40]}}}; a name has small letters, digits and _, such as {{date}}")
        if name in self.names:
            raise self._wrong(f"has the name {{{name}}} twice")
        self.names.append(name)
        return name

    def _wrong(self, how: str) -> InputError:
        return InputError(f"{self._text[:100]!r} {how}")


def _match(segment: _Segment, part: str) -> dict[str, str] | None:
    """From the right, without a step back: keys come from outside, and a regular expression could take hours."""
    first, *_, last = segment.texts if len(segment.texts) > 1 else (segment.texts[0], "")
    if not segment.names:
        return {} if part == first else None
    rest = part[len(first) :]
    if not part.startswith(first) or not rest.endswith(last):
        return None
    rest = rest[: len(rest) - len(last)]
    found = {}
    for text, name in zip(segment.texts[-2:0:-1], segment.names[:0:-1], strict=True):
        place = rest.rfind(text, 1, len(rest) - 1)
        if place < 0:
            return None
        found[name] = rest[place + len(text) :]
        rest = rest[:place]
    return {**found, segment.names[0]: rest} if rest else None
