"""Whether all pixels of a PNG are equal, row by row and without decoding them: a row of one colour has one look for
each filter."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_DEPTHS = frozenset({1, 2, 4, 8, 16})
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def one_colour(png: bytes) -> bool | None:
    """Whether all pixels are equal; None if they cannot be read.

    ``png``: the header's fields (13 bytes), then what all IDATs hold. Takes a row's memory, and stops at the first row
    that differs. Two equal colours of a palette count as two.
    """
    width, height = int.from_bytes(png[:4]), int.from_bytes(png[4:8])
    depth, colour_type, interlaced = png[8], png[9], png[12]
    if colour_type not in _CHANNELS or depth not in _DEPTHS:
        return None
    rows = _Rows(png[13:], depth, _CHANNELS[colour_type])
    try:
        return all(rows.are_solid(*size) for size in _passes(width, height, interlaced))
    except (zlib.error, ValueError):  # damaged, or too short
        return None


def _passes(width: int, height: int, interlaced: int) -> Iterator[tuple[int, int]]:
    if not interlaced:
        yield width, height
        return
    for x, y, dx, dy in _ADAM7:
        columns, lines = -((x - width) // dx), -((y - height) // dy)
        if columns > 0 and lines > 0:
            yield columns, lines


class _Rows:
    """The filtered rows of a PNG, and its first pixel, which all others must equal."""

    def __init__(self, pixels: bytes, depth: int, channels: int) -> None:
        self._inflate = zlib.decompressobj()
        self._pixels = pixels
        self._bits = depth * channels
        self._pixel = b""

    def are_solid(self, width: int, height: int) -> bool:
        """Read the rows of one pass; whether all are of the first pixel's colour."""
        length = (width * self._bits + 7) // 8
        spare = length * 8 - width * self._bits  # bits behind the last pixel: they may be anything
        above, last = b"", 0
        looks: dict[tuple[int, bytes], bytes] = {}
        for _ in range(height):
            row = self._read(1 + length)
            kind = row[0]
            if kind > 4:
                raise ValueError
            self._pixel = self._pixel or self._first(row[1:])
            if (kind, above) not in looks:
                looks[kind, above] = _filtered(kind, self._pixel, above, length)
            look = looks[kind, above]
            if not spare:
                if row[1:] != look:
                    return False
            else:
                before = self._pixel[0] if length > 1 else 0
                last = (row[-1] + _predicted(kind, before, last, before if above else 0)) & 0xFF
                if row[1:-1] != look[:-1] or (last ^ self._pixel[0]) >> spare:
                    return False
            above = self._pixel
        return True

    def _first(self, row: bytes) -> bytes:
        """The first pixel; where several share a byte, a byte full of it."""
        if self._bits >= 8:
            return row[: self._bits // 8]
        highest = (1 << self._bits) - 1
        return bytes([(row[0] >> 8 - self._bits) * (255 // highest)])

    def _read(self, length: int) -> bytes:
        row = b""
        while len(row) < length:
            piece = self._inflate.decompress(self._pixels, length - len(row))
            self._pixels = self._inflate.unconsumed_tail
            if not piece and not self._pixels:
                raise ValueError
            row += piece
        return row


def _filtered(kind: int, pixel: bytes, above: bytes, length: int) -> bytes:
    """What a filter makes of a row of one colour; ``above``: the pixel of the row before, if there is one."""
    up = above or bytes(len(pixel))
    first = bytes((x - _predicted(kind, 0, u, 0)) & 0xFF for x, u in zip(pixel, up, strict=True))
    rest = bytes((x - _predicted(kind, x, u, u)) & 0xFF for x, u in zip(pixel, up, strict=True))
    return first + rest * (length // len(pixel) - 1)


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    """What PNG's filters take away from a byte."""
    if kind == 4:
        guess = left + up - corner
        return min((left, up, corner), key=lambda value: abs(guess - value))  # the first of equals
    return (0, left, up, (left + up) // 2)[kind]
