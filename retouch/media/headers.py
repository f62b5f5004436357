"""A picture's size from its header, as a viewer shows it: turned as its EXIF data says.

Read at places, some KiB at a time, so that of an object in S3 only the beginning is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from retouch.errors import BrokenResultError
from retouch.media.formats import jpeg, png

ReadAt = Callable[[int, int], Awaitable[bytes]]  # a place and a length; fewer bytes where the picture ends

WINDOW = 64 * 1024  # bytes that are read at a time: nearly always the whole header
_MOST_BYTES = 1024 * 1024  # of EXIF data, whatever length it tells
_MOST_PARTS = 200  # before the size, and before the EXIF data
_ORIENTATION = 0x0112
_TURNED = frozenset({5, 6, 7, 8})  # by a quarter
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class Size(NamedTuple):
    """Sides in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


async def upright_size(read: ReadAt) -> Size:
    """The size of a PNG, JPEG or WebP; raises BrokenResultError if it is none, or has none."""
    bytes_of = _Window(read)
    start = await bytes_of.at(0, 16)
    if start.startswith(png.MAGIC):
        size, exif = await _png(bytes_of)
    elif re.match(jpeg.MAGIC, start):
        size, exif = await _jpeg(bytes_of)
    elif start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        size, exif = await _webp(bytes_of)
    else:
        raise BrokenResultError("the result is not PNG, JPEG or WebP")
    if not all(size):
        raise BrokenResultError("the result has no size")
    return Size(size.height, size.width) if _orientation(exif) in _TURNED else size


class _Window:
    """The part of a picture that was read last."""

    def __init__(self, read: ReadAt) -> None:
        self._read = read
        self._first, self._data = 0, b""

    async def at(self, place: int, length: int) -> bytes:
        """So many bytes from a place on; fewer at the picture's end."""
        length = min(length, _MOST_BYTES)
        if not self._first <= place <= place + length <= self._first + len(self._data):
            self._first, self._data = place, await self._read(place, max(length, WINDOW))
        return self._data[place - self._first :][:length]


async def _png(data: _Window) -> tuple[Size, bytes]:
    header = await data.at(16, 8)
    size, place = Size(int.from_bytes(header[:4]), int.from_bytes(header[4:])), 8
    for _ in range(_MOST_PARTS):
        chunk = await data.at(place, 8)
        length, name = int.from_bytes(chunk[:4]), chunk[4:]
        if name == b"eXIf":
            return size, await data.at(place + 8, length)
        if name in (b"IDAT", b""):
            break
        place += 12 + length
    return size, b""


async def _jpeg(data: _Window) -> tuple[Size, bytes]:
    exif, place = b"", 2
    for _ in range(_MOST_PARTS):
        segment = await data.at(place, 9)
        if len(segment) < 4:
            break
        if segment[1] == 0xFF or segment[0] != 0xFF:  # padding
            place += 1
            continue
        if segment[1] in _FRAMES:
            return Size(int.from_bytes(segment[7:9]), int.from_bytes(segment[5:7])), exif
        length = int.from_bytes(segment[2:4])
        if segment[1] == 0xE1 and not exif:
            body = await data.at(place + 4, length - 2)
            exif = body[6:] if body.startswith(b"Exif\0\0") else b""
        place += 2 + length
    return Size(0, 0), b""


async def _webp(data: _Window) -> tuple[Size, bytes]:
    head = await data.at(12, 18)
    name, body = head[:4], head[8:]
    if name == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1), b""
    if name == b"VP8X":
        size = Size(int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1)
        return size, await _webp_exif(data) if body[0] & 0x08 else b""
    sides = (await data.at(26, 4)) if name == b"VP8 " else b""
    return Size(int.from_bytes(sides[:2], "little") & 0x3FFF, int.from_bytes(sides[2:], "little") & 0x3FFF), b""


async def _webp_exif(data: _Window) -> bytes:
    """It stands behind the pixels, which are passed over."""
    place = 12
    for _ in range(_MOST_PARTS):
        chunk = await data.at(place, 8)
        length = int.from_bytes(chunk[4:8], "little")
        if chunk[:4] == b"EXIF":
            return (await data.at(place + 8, length)).removeprefix(b"Exif\0\0")
        if len(chunk) < 8:
            break
        place += 8 + length + length % 2
    return b""


def _orientation(tiff: bytes) -> int:
    """The orientation of the first directory of EXIF data; 1 where there is none."""
    if tiff[:2] not in (b"II", b"MM"):
        return 1

    def number(place: int, length: int) -> int:
        return int.from_bytes(tiff[place : place + length], "little" if tiff[:2] == b"II" else "big")

    directory = number(4, 4)
    for entry in range(directory + 2, directory + 2 + 12 * min(number(directory, 2), _MOST_PARTS), 12):
        if number(entry, 2) == _ORIENTATION:
            return number(entry + 8, 2)
    return 1
