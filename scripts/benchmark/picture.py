"""The result that every edit gets: a PNG of random noise, which no transport can make smaller."""

from __future__ import annotations

import random
import struct
import zlib

SIDE = 142  # pixels; 3 bytes each make 60.5 kB
SEED = 1


def noise_png(side: int = SIDE) -> bytes:
    """A valid RGB picture of ``side`` x ``side`` random pixels; always the same bytes."""
    noise = random.Random(SEED)
    rows = b"".join(b"\x00" + noise.randbytes(3 * side) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
