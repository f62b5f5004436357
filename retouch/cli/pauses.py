"""How the commands tell of pauses: why nothing is submitted, and who or what ends that."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from retouch.causes import PauseCause
from retouch.ledger import Pause

# The API is away or asks for patience: polls stop as well as submits, and a probe ends it without anyone's doing.
PASSING = (PauseCause.OUTAGE, PauseCause.THROTTLED)


def pause_line(pause: Pause) -> str:
    """A line of ``retouch status``."""
    since = pause.since.isoformat(timespec="seconds")
    remedy = "ends by itself" if pause.cause in PASSING else "mend it, then run: retouch doctor"
    return f"PAUSED ({pause.cause}) since {since}: {pause.reason} - {remedy}"


def pause_clause(pause: Pause, now: datetime) -> str:
    """The part of a sentence with which ``retouch explain`` gives a pause as the reason."""
    what = "nothing is sent" if pause.cause in PASSING else "submits are paused"
    probe = ""
    if pause.next_probe:
        left_s = (pause.next_probe - now).total_seconds()
        probe = f"; the next probe goes {f'in {left_s:.0f} s' if left_s > 0 else 'now'}"
    return f"{what} ({pause.cause}) because {pause.reason}{probe}"


def pause_json(pause: Pause) -> dict[str, Any]:
    """A pause in ``retouch status --json``."""
    return {
        "cause": pause.cause,
        "reason": pause.reason,
        "since": pause.since.isoformat(),
        "next_probe": pause.next_probe.isoformat() if pause.next_probe else None,
    }
