"""Reads type and size from a picture's bytes while they arrive, and finds the picture's own end.

By hand and from a few bytes, because this runs on every result: Pillow would decode (and belongs to no
worker's installation), and the small packages read sizes without noticing a truncated file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from retouch.edit import MAX_SIDE
from retouch.errors import BrokenResultError
from retouch.media.formats import jpeg, png, webp
from retouch.media.formats.arriving import Arriving, Found, Walker

MAX_BYTES = 32 * 1024 * 1024

_OTHERS = (
    (re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body)", re.IGNORECASE), "HTML"),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<"), "XML"),
    (re.compile(rb"(\xef\xbb\xbf)?\s*[{\[]"), "JSON"),
    (re.compile(rb"[0-9a-fA-F]{1,16};chunk-signature="), "aws-chunked, with the frames of an upload"),
    (re.compile(rb"\x1f\x8b"), "compressed with gzip, and does not say so"),
)
_OTHER_KINDS = (
    (re.compile(rb"GIF8"), "GIF"),
    (re.compile(rb".{4}ftypavi[fs]", re.DOTALL), "AVIF"),
    (re.compile(rb".{4}ftyp(hei|hev|mif1|msf1)", re.DOTALL), "HEIC"),
    (re.compile(rb".{4}ftyp", re.DOTALL), "a video (MP4)"),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "), "JPEG XL"),
    (re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"), "JPEG 2000"),
    (re.compile(rb"II\*\0|MM\0\*"), "TIFF"),
    (re.compile(rb"BM"), "BMP"),
    (re.compile(rb"%PDF"), "PDF"),
)


class Kind(NamedTuple):
    """A kind of picture that is taken.

    ``sparse_below``: with as many bytes a pixel it is of more than one colour, as encoders in common use write it.
    """

    content_type: str
    extension: str
    walk: Walker
    sparse_below: float


_KINDS = (
    (re.compile(re.escape(png.MAGIC)), Kind("image/png", "png", png.walk, 0.02)),
    (re.compile(jpeg.MAGIC), Kind("image/jpeg", "jpg", jpeg.walk, 0.028)),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), Kind("image/webp", "webp", webp.walk, 0.01)),
)


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """A whole picture; sides in pixels.

    ``sparse``: None if its pixels take too many bytes to be of one colour; else what there is to look at: of a PNG
    the header's fields and the compressed pixels, of others nothing.
    """

    content_type: str
    extension: str
    width: int
    height: int
    sparse: bytes | None = None


class Walk:
    """A walk over a picture that arrives in pieces; ``start`` is the first (12 bytes at least, or all there are).

    Raises BrokenResultError in one sentence, here or in ``take`` and ``end``, as soon as the bytes cannot be a whole
    PNG, JPEG or WebP with sides of 1 to ``max_side`` pixels. What follows the picture's end is not looked at.
    """

    def __init__(self, start: bytes, max_side: int = MAX_SIDE) -> None:
        kind = kind_of(start)
        if kind is None:
            raise BrokenResultError(f"the result {_other(start)}")
        self.kind = kind
        self.length = len(start)
        self._found = Found(kind.content_type, kind.sparse_below, max_side)
        self._steps = kind.walk(Arriving(start), self._found)
        self._whole = False
        self._go(None)

    def take(self, piece: bytes) -> None:
        """Take the next bytes."""
        self.length += len(piece)
        self._go(piece)

    def end(self) -> ImageInfo:
        """There are no more bytes: return what the picture is, or raise BrokenResultError if its end is not there."""
        found = self._found
        if not self._whole:
            raise found.truncated(f" of {self.length} bytes")
        sparse = found.header + b"".join(found.pixels) if found.sparse else None
        return ImageInfo(self.kind.content_type, self.kind.extension, found.width, found.height, sparse)

    def _go(self, piece: bytes | None) -> None:
        try:
            self._steps.send(piece)  # type: ignore[arg-type] # a generator's first step takes None
        except StopIteration:
            self._whole = True


def inspect(data: bytes, max_side: int = MAX_SIDE) -> ImageInfo:
    """Return what the picture is; raises BrokenResultError if ``data`` is not one that is taken, and whole."""
    return Walk(data, max_side).end()


def kind_of(start: bytes) -> Kind | None:
    """The kind of picture that begins so (12 bytes are enough), if it is one that is taken."""
    return next((kind for magic, kind in _KINDS if magic.match(start)), None)


def _other(start: bytes) -> str:
    if not start:
        return "is empty"
    for pattern, name in _OTHERS:
        if pattern.match(start):
            return f"is {name}, not an image"
    for pattern, name in _OTHER_KINDS:
        if pattern.match(start):
            return f"is {name}, not PNG, JPEG or WebP"
    return f"is not PNG, JPEG or WebP: it begins with {start[:8].hex(' ')}"
