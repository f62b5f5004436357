"""What a walk over a picture reads from, and what it finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeVar

from retouch.edit import MAX_SIDE
from retouch.errors import BrokenResultError

T = TypeVar("T")
SMALLEST_BYTES = 100  # that the pixels of a tiny picture take, whatever they show
Step = Generator[None, bytes, T]  # yields where more bytes are needed, and is sent them


class Arriving:
    """The bytes of a picture, read once from the front while they arrive in pieces of any length.

    Next to nothing of what was passed is kept, so that neither many small pieces nor large ones cost much.
    """

    def __init__(self, start: bytes) -> None:
        self._data = start
        self._at = 0
        self._passed = 0  # bytes before ``_data``

    @property
    def position(self) -> int:
        """How many bytes were read."""
        return self._passed + self._at

    def exactly(self, length: int) -> Step[bytes]:
        """Read so many bytes; for a few, since they are put together."""
        while len(self._data) - self._at < length:
            yield from self._more()
        self._at += length
        return self._data[self._at - length : self._at]

    def pieces(self, length: int) -> Step[list[bytes]]:
        """Read so many bytes, as they lie."""
        found = []
        while (there := len(self._data) - self._at) < length:
            found.append(self._data[self._at :])
            length -= there
            self._at += there
            yield from self._more()
        self._at += length
        return [*found, self._data[self._at - length : self._at]]

    def skip(self, length: int) -> Step[None]:
        """Pass over so many bytes."""
        while (there := len(self._data) - self._at) < length:
            length -= there
            self._at += there
            yield from self._more()
        self._at += length

    def find(self, marker: re.Pattern[bytes]) -> Step[bytes]:
        """Pass over everything up to the first match of two bytes that begins with FF; return it."""
        while not (match := marker.search(self._data, self._at)):
            self._at = max(self._at, len(self._data) - self._data.endswith(b"\xff"))
            yield from self._more()
        self._at = match.end()
        return match[0]

    def _more(self) -> Step[None]:
        rest = self._data[self._at :]
        self._passed += self._at
        self._at = 0
        self._data = rest  # what was passed is not kept while the walk waits
        self._data += yield


@dataclass(slots=True)
class Found:
    """What a walk has found so far. ``sparse_below``: fewer bytes a pixel than this may be one colour."""

    content_type: str
    sparse_below: float
    max_side: int = MAX_SIDE
    width: int = 0
    height: int = 0
    pixel_bytes: int = 0
    header: bytes = b""
    pixels: list[bytes] = field(default_factory=list)

    @property
    def sparse(self) -> bool:
        """Whether so few bytes hold the pixels that they may all be of one colour."""
        return self.pixel_bytes < SMALLEST_BYTES + self.sparse_below * self.width * self.height

    def sized(self, width: int, height: int) -> None:
        """Take the picture's size; raises BrokenResultError if it is the second one, or out of bounds."""
        if self.width:
            raise self.broken("has two sizes")  # some readers take the first, some the last
        if not (1 <= width <= self.max_side and 1 <= height <= self.max_side):
            raise BrokenResultError(f"the result is {width}x{height} pixels; 1 to {self.max_side} a side are taken")
        self.width, self.height = width, height

    def truncated(self, what: str) -> BrokenResultError:
        """The error for one of which a part is missing."""
        return BrokenResultError(f"the result is a truncated {self.content_type}{what}")

    def broken(self, what: str) -> BrokenResultError:
        """The error that says what is wrong with it."""
        return BrokenResultError(f"the result is a broken {self.content_type}: it {what}")


Walker = Callable[[Arriving, Found], Step[None]]
