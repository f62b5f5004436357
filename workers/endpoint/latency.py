"""How long the endpoint takes for an edit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from retouch.errors import InputError

_LATENCY = re.compile(r"(\d+\.?\d*|\.\d+)(?:-(\d+\.?\d*|\.\d+))?")


@dataclass(frozen=True)
class Latency:
    """Seconds that one edit takes at least, drawn evenly from a range."""

    low_s: float = 0.0
    high_s: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``0.5`` or ``0.2-0.8``; raises InputError."""
        found = _LATENCY.fullmatch(text.strip())
        if not found:
            raise InputError(f"{text[:40]!r} is not seconds (0.5) or a range of seconds (0.2-0.8)")
        low, high = float(found[1]), float(found[2] or found[1])
        if high < low:
            raise InputError(f"{text[:40]!r} is not a range: its end is before its beginning")
        return cls(low, high)


NO_LATENCY = Latency()
