"""Lines of a manifest, broken in the ways in which files break."""

from __future__ import annotations

import random


def broken(line: bytes, rng: random.Random) -> bytes:
    """A line that held an edit (with an https picture, a prompt and a custom_id), and holds none any more."""
    at = rng.randrange(1, len(line))
    ways = (
        lambda: line[:at],
        lambda: line[:at] + b"\x00" + line[at:],
        lambda: line[:at] + b"\xff\xfe" + line[at:],
        lambda: b"[" * 5000,
        lambda: line.replace(b"{", b'{"width": 1e999, ', 1),
        lambda: line.replace(b'"prompt"', b'"promt"'),
        lambda: line.replace(b"https://", b"file://"),
        lambda: line.replace(b"{", b'{"custom_id": "twice", ', 1),
    )
    return rng.choice(ways)()
