"""Rate limits as people write them (``10/s,300/m``), and the pace that keeps them.

A limit of N requests a window of W holds for every window, wherever it begins. Requests are therefore evenly spaced,
a little further apart than W / N. The difference is how late a request may be without making a window too full.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from retouch.errors import InputError

USED = 0.93  # part of a limit that is used; the rest bounds how late a request may be
ON_THE_WAY = 0.4  # part of the rest that is reserved for delays of the network

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WINDOW = re.compile(r"\s*(\d{1,9})\s*/\s*(s|m|h|d)\s*")


class Window(NamedTuple):
    """At most so many ``requests`` in any ``seconds``."""

    requests: int
    seconds: int


def parse_rate(text: str) -> tuple[Window, ...]:
    """Read ``10/s,300/m``; raises InputError."""
    windows = []
    for part in text.split(","):
        match = _WINDOW.fullmatch(part)
        if not match or int(match[1]) < 1:
            raise InputError(f"{part.strip()[:40]!r} is not a rate such as 10/s, 300/m, 5000/h or 20000/d")
        windows.append(Window(int(match[1]), _UNITS_S[match[2]]))
    return tuple(windows)


def interval_ms(windows: Iterable[Window]) -> float:
    """The least time between two requests, in ms; 0 without a limit."""
    return max((1000 * w.seconds / (USED * w.requests) for w in windows), default=0.0)


def slack_ms(windows: Iterable[Window]) -> float:
    """How late a request may be sent, in ms, without making a window too full; infinite without a limit."""
    windows = tuple(windows)
    pace_ms = interval_ms(windows)
    return min(((1 - ON_THE_WAY) * (w.requests * pace_ms - 1000 * w.seconds) for w in windows), default=float("inf"))
