"""Reads type and size from an image's bytes, and checks that the image is complete.

By hand and from a few bytes, because this runs on every result: Pillow would decode (and belongs to no
worker's installation), and the small packages read sizes without noticing a truncated file.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from retouch.edit import MAX_SIDE
from retouch.errors import BrokenResultError

MAX_BYTES = 32 * 1024 * 1024
HEAD_BYTES = 1024 * 1024  # enough to find the size in: metadata before it fills 64 KiB segments, rarely many
TAIL_BYTES = 1024  # enough for any trailer, with some padding behind it

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_JPEG_END = b"\xff\xd9"
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a segment
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers whose segment holds the size
_JPEG_SCAN = 0xDA  # what follows is the picture itself
_MAX_MARKS = 2000  # segments and chunks before the picture; each costs time on the event loop
_OTHERS = (
    (re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body)", re.IGNORECASE), "HTML"),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<"), "XML"),
    (re.compile(rb"(\xef\xbb\xbf)?\s*[{\[]"), "JSON"),
)
_OTHER_KINDS = (
    (b"GIF8", 0, "GIF"),
    (b"ftyp", 4, "AVIF, HEIC or video"),
    (b"BM", 0, "BMP"),
    (b"%PDF", 0, "PDF"),
)


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image as its header describes it; sides in pixels."""

    content_type: str
    extension: str
    width: int
    height: int


def inspect(head: bytes) -> ImageInfo:
    """Read kind and size from an image's first bytes (``HEAD_BYTES`` of them, or all there are).

    Raises BrokenResultError in one sentence if they are not the beginning of a PNG, JPEG or WebP image with
    sides of 1 to ``MAX_SIDE`` pixels.
    """
    if head.startswith(_PNG):
        content_type, extension, size = "image/png", "png", _png_size(head)
    elif head.startswith(b"\xff\xd8\xff"):
        content_type, extension, size = "image/jpeg", "jpg", _jpeg_size(head)
    elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        content_type, extension, size = "image/webp", "webp", _webp_size(head)
    else:
        raise BrokenResultError(f"the result {_other(head)}")
    if size is None:
        raise BrokenResultError(f"the result is {content_type} without a size in its first {len(head)} bytes")
    if not all(1 <= side <= MAX_SIDE for side in size):
        raise BrokenResultError(f"the result is {size[0]}x{size[1]} pixels; 1 to {MAX_SIDE} a side are taken")
    return ImageInfo(content_type, extension, *size)


def check_whole(info: ImageInfo, head: bytes, tail: bytes, length: int) -> None:
    """Check that an image of ``length`` bytes ends as its kind must end; raises BrokenResultError if not.

    ``head`` and ``tail`` are its first and last bytes (``TAIL_BYTES``; all of it, if it is shorter).
    """
    whole = _ENDINGS[info.extension]
    if not whole(head, tail, length):
        raise BrokenResultError(f"the result is a truncated {info.content_type} of {length} bytes")


def _png_size(head: bytes) -> tuple[int, int] | None:
    """Read the header, and walk the chunks up to the picture: some readers take the last header, some the first."""
    if len(head) < 33 or head[8:16] != b"\x00\x00\x00\rIHDR":
        return None
    if zlib.crc32(head[12:29]) != int.from_bytes(head[29:33]):
        return None
    at = 33
    for _ in range(_MAX_MARKS):
        name = head[at + 4 : at + 8]
        if name == b"IDAT":
            return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
        if name == b"IHDR" or len(name) < 4:
            break
        at += 12 + int.from_bytes(head[at : at + 4])
    return None


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    """Walk the segments up to the picture; the one frame header among them holds the size."""
    at, size = 2, None
    for _ in range(_MAX_MARKS):
        if at + 9 > len(head) or head[at] != 0xFF:
            break
        marker = head[at + 1]
        if marker == _JPEG_SCAN:
            return size
        if marker in _JPEG_FRAMES:
            if size:  # some readers take the last one, some the first
                break
            size = int.from_bytes(head[at + 7 : at + 9]), int.from_bytes(head[at + 5 : at + 7])
        if marker == 0xFF:  # padding before a marker
            at += 1
        elif marker in _JPEG_BARE:
            at += 2
        else:
            at += 2 + max(2, int.from_bytes(head[at + 2 : at + 4]))
    return None


def _webp_size(head: bytes) -> tuple[int, int] | None:
    chunk = head[12:16]
    if len(head) < 30:
        return None
    if chunk == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if chunk == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":  # the upper two bits of each are a scaling hint
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    if chunk == b"VP8L" and head[20] == 0x2F:
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None


def _png_ends(_head: bytes, tail: bytes, _length: int) -> bool:
    return tail.endswith(_PNG_END)


def _jpeg_ends(_head: bytes, tail: bytes, _length: int) -> bool:
    return tail.rstrip(b"\x00").endswith(_JPEG_END)


def _webp_ends(head: bytes, _tail: bytes, length: int) -> bool:
    size = int.from_bytes(head[4:8], "little")
    return length in (
        8 + size,
        8 + size + size % 2,
    )  # some writers leave the last padding byte out of the size


_ENDINGS: dict[str, Callable[[bytes, bytes, int], bool]] = {
    "png": _png_ends,
    "jpg": _jpeg_ends,
    "webp": _webp_ends,
}


def _other(head: bytes) -> str:
    if not head:
        return "is empty"
    start = head[:256]
    for pattern, name in _OTHERS:
        if pattern.match(start):
            return f"is {name}, not an image"
    for magic, at, name in _OTHER_KINDS:
        if start[at : at + len(magic)] == magic:
            return f"is {name}, not PNG, JPEG or WebP"
    return f"is not PNG, JPEG or WebP: it begins with {start[:8].hex(' ')}"
