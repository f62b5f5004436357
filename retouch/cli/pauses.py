"""How the commands show pauses: why nothing is submitted, and what ends the pause."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from retouch.causes import PauseCause
from retouch.ledger import Pause

# The API is down or asks to wait: polls stop as well as submits, and a probe ends the pause without a person.
PASSING = (PauseCause.OUTAGE, PauseCause.THROTTLED)


def pause_line(pause: Pause) -> str:
    """A line of ``retouch status``."""
    since = pause.since.isoformat(timespec="seconds")
    return f"PAUSED ({pause.cause}) since {since}: {pause.reason} - {remedy(pause)}"


def remedy(pause: Pause) -> str:
    """What a person should do about a pause."""
    return "it ends by itself" if pause.cause in PASSING else "fix the cause, then wait, or run: retouch doctor"


def pause_clause(pause: Pause, now: datetime) -> str:
    """A pause as the reason that ``retouch explain`` gives, a part of a sentence."""
    what = "nothing is sent" if pause.cause in PASSING else "submits are paused"
    probe = ""
    if pause.next_probe:
        left_s = (pause.next_probe - now).total_seconds()
        probe = f"; the next probe is sent {f'in {left_s:.0f} s' if left_s > 0 else 'now'}"
    return f"{what} ({pause.cause}) because {pause.reason}{probe}"


def pause_json(pause: Pause) -> dict[str, Any]:
    """A pause in ``retouch status --json``."""
    return {
        "cause": pause.cause,
        "reason": pause.reason,
        "since": pause.since.isoformat(),
        "next_probe": pause.next_probe.isoformat() if pause.next_probe else None,
    }
