"""WebP: the chunks of a RIFF container up to the length that its head tells."""

from __future__ import annotations

from retouch.media.formats.arriving import Arriving, Found, Step

_MAX_CHUNKS = 20_000  # each costs time on the event loop; an animation has one a frame
_FRAMES = {b"VP8 ": 10, b"VP8L": 5}  # the bytes that hold a frame's size
_PIXELS = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ANMF"})


def walk(source: Arriving, found: Found) -> Step[None]:
    """Walk to the container's end; the canvas, or the one frame, gives the size."""
    head = yield from source.exactly(12)
    end = 8 + int.from_bytes(head[4:8], "little")
    canvas = False
    for _ in range(_MAX_CHUNKS):
        if end - source.position < 8:
            yield from source.skip(max(0, end - source.position))
            break
        chunk = yield from source.exactly(8)
        name, length = chunk[:4], int.from_bytes(chunk[4:], "little")
        if length > end - source.position:
            raise found.broken("has a chunk that is longer than the whole")
        after = source.position + length
        if name == b"VP8X" and length >= 10:
            found.sized(*_canvas((yield from source.exactly(10))))
            canvas = True
        elif name in _FRAMES:
            _framed(found, _frame(name, (yield from source.exactly(min(length, _FRAMES[name])))), canvas)
        if name in _PIXELS:
            found.pixel_bytes += length
        yield from source.skip(min(after + length % 2, end) - source.position)
    else:
        raise found.broken(f"has more than {_MAX_CHUNKS} chunks")
    if not (found.width and found.pixel_bytes):
        raise found.broken("has no size, or no pixels")


def _framed(found: Found, size: tuple[int, int] | None, canvas: bool) -> None:
    if size is None:
        raise found.broken("has a frame without a size")
    if not canvas:
        found.sized(*size)
    elif size != (found.width, found.height):
        raise found.broken("has two sizes")


def _canvas(body: bytes) -> tuple[int, int]:
    return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")


def _frame(name: bytes, body: bytes) -> tuple[int, int] | None:
    if name == b"VP8 " and body[3:6] == b"\x9d\x01\x2a" and len(body) == 10:  # the upper two bits: a scaling hint
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    if name == b"VP8L" and body[:1] == b"\x2f" and len(body) == 5:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None
