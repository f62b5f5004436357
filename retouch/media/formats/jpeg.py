"""JPEG: segments and scans up to the first end-of-image marker that belongs to the picture itself.

A thumbnail's marker lies inside of a segment, and is passed over with it; what follows the end (a second picture, the
video of a Motion Photo) is never looked at.
"""

from __future__ import annotations

import re

from retouch.media.formats.arriving import Arriving, Found, Step

MAGIC = b"\xff\xd8\xff"

# As decoders do: what is no marker (stuffing, restarts, padding, damaged spots) is passed over, in scans and between.
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # their segment holds the size
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_MAX_SEGMENTS = 2000  # each costs time on the event loop; 32 MiB of full ones are 512


def walk(source: Arriving, found: Found) -> Step[None]:
    """Walk to the picture's end; ``pixel_bytes`` are those of the scans."""
    yield from source.skip(2)
    scanned = in_scan = False
    for _ in range(_MAX_SEGMENTS):
        begins_at = source.position
        marker = (yield from source.find(_MARKER))[1]
        if in_scan:
            found.pixel_bytes += source.position - 2 - begins_at
        if marker == _END and scanned:
            return
        if marker == _START and scanned:
            raise found.truncated(": another picture begins before its end")
        if marker in (_START, _END):
            raise found.broken("has no pixels")
        length = int.from_bytes((yield from source.exactly(2))) - 2
        if marker in _FRAMES:
            frame = yield from source.exactly(5)
            found.sized(int.from_bytes(frame[3:5]), int.from_bytes(frame[1:3]))
            length -= 5
        yield from source.skip(max(0, length))
        in_scan = marker == _SCAN
        scanned = scanned or in_scan
        if in_scan and not found.width:
            raise found.broken("has no size")
    raise found.broken(f"has more than {_MAX_SEGMENTS} segments")
