"""How submit and poll handle errors of the API: how long requests pause, and the note that the edit keeps."""

from __future__ import annotations

from retouch.causes import PauseCause

# How often one request is let through to find out whether the reason for a pause is gone.
PROBE_S = {PauseCause.REFUSED: 10.0, PauseCause.THROTTLED: 1.0}
LEAST_PAUSE_S = 0.1  # the least pause, even with ``Retry-After: 0``
NOTE_LENGTH = 200  # characters of an error that an edit keeps


def pause_s(cause: PauseCause, asked_s: float | None) -> float:
    """How long nothing is sent: what the API asked for, or what is usual for the cause."""
    return PROBE_S[cause] if asked_s is None else max(asked_s, LEAST_PAUSE_S)


def note(error: Exception | str) -> str:
    """What an edit keeps of an error, for ``retouch explain``."""
    return str(error)[:NOTE_LENGTH]
