"""When the delivery of an event is retried."""

from __future__ import annotations

# When an event is delivered, in seconds after its first try: the schedule that the specification proposes.
TRY_AT_S = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)

_JITTER = 0.2  # so that a receiver that is back does not get all its events in the same second


def next_delivery_s(tries: int, random01: float) -> float | None:
    """Return the seconds from now to the next try after ``tries`` failed ones; None when 24 h are used up.

    ``random01`` in [0, 1) shortens the wait by up to a fifth, so that all tries fit into the 24 hours.
    """
    if tries <= 0:
        return 0.0
    if tries >= len(TRY_AT_S):
        return None
    return (TRY_AT_S[tries] - TRY_AT_S[tries - 1]) * (1 - _JITTER * random01)
