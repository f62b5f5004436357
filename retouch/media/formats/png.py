"""PNG: chunks up to IEND."""

from __future__ import annotations

import zlib

from retouch.media.formats.arriving import Arriving, Found, Step

MAGIC = b"\x89PNG\r\n\x1a\n"

_HEADER = b"\x00\x00\x00\rIHDR"
_END_CRC = b"\xaeB`\x82"
_MAX_CHUNKS = 20_000  # each costs time on the event loop; 32 MiB in libpng's usual 8 KiB are 4096


def walk(source: Arriving, found: Found) -> Step[None]:
    """Walk to the picture's end; of one that may be blank, keep the header's fields and the pixels."""
    start = yield from source.exactly(33)
    if start[8:16] != _HEADER or zlib.crc32(start[12:29]) != int.from_bytes(start[29:33]):
        raise found.broken("has no valid header")
    found.sized(int.from_bytes(start[16:20]), int.from_bytes(start[20:24]))
    found.header = start[16:29]
    for _ in range(_MAX_CHUNKS):
        chunk = yield from source.exactly(8)
        length, name = int.from_bytes(chunk[:4]), chunk[4:]
        if name == b"IDAT":
            yield from _pixels(source, found, length)
        elif name == b"IEND":
            crc = yield from source.exactly(4)
            if length or crc != _END_CRC or not found.pixel_bytes:
                raise found.broken("has no pixels, or no valid end")
            return
        elif name == b"IHDR":
            raise found.broken("has two headers")
        else:
            yield from source.skip(length)
        yield from source.skip(4)  # the checksum
    raise found.broken(f"has more than {_MAX_CHUNKS} chunks")


def _pixels(source: Arriving, found: Found, length: int) -> Step[None]:
    found.pixel_bytes += length
    if found.sparse:
        found.pixels += yield from source.pieces(length)
    else:
        found.pixels.clear()
        yield from source.skip(length)
