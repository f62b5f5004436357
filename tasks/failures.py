"""How submit, poll and copy tell the ledger of bad answers: what was seen, how long to wait, and the edit's note.

Whose fault an answer is, the edit's or everybody's, the ledger decides, since it knows how the others fare.
"""

from __future__ import annotations

import json
import random

from retouch.causes import FailureCode, Fared
from retouch.errors import ApiError, NotSentError, RefusedError, ThrottledError
from retouch.ledger import Seen, Strike

THROTTLED_S = 1.0  # a pause after 429 without Retry-After
LEAST_PAUSE_S = 0.1  # the least pause, even with ``Retry-After: 0``
REFUSED_FIRST_S, REFUSED_LEAST_S, REFUSED_CAP_S = 1.0, 0.25, 60.0
ERRORS_FIRST_S, ERRORS_GROWTH, ERRORS_CAP_S = 5.0, 4.0, 300.0
OWN_WAIT_CAP_S = 600.0
NEVER_MS = 10**12  # thirty years
NOTE_LENGTH = 200  # characters of an error that an edit keeps
WORDS_LENGTH = 500  # characters of an error that a pause keeps


def note(error: Exception | str) -> str:
    """What an edit keeps of an error, for ``retouch explain``."""
    return str(error)[:NOTE_LENGTH]


def error_json(code: FailureCode, message: str) -> str:
    """The error of a result, as the ledger keeps it."""
    return json.dumps({"code": code, "message": message[:500]})


def wait_s(error: ApiError) -> float:
    """How long the API asks to wait, or what is usual where it does not say."""
    return THROTTLED_S if error.retry_after_s is None else max(error.retry_after_s, LEAST_PAUSE_S)


def asks_to_wait(error: ApiError) -> bool:
    """Tell whether an error that is no refusal asks for a pause: 429, or any with a Retry-After."""
    return isinstance(error, ThrottledError) or error.retry_after_s is not None


def own_wait_s(error: RefusedError) -> float:
    """How long an edit that is refused is asked to wait; others are not bound by it."""
    return min(error.retry_after_s or 0.0, OWN_WAIT_CAP_S)


def strike(kind: str, error: RefusedError, patience_ms: int, *, last: bool = False) -> Strike:
    """A refusal as one of its edit's. One about who asks fails no edit, however well workers with another key fare."""
    return Strike(kind, NEVER_MS if error.caller else patience_ms, last)


def seen(kind: str, sent_ms: int, error: ApiError) -> Seen:
    """What an error that is no refusal says of its kind of request."""
    words = str(error)[:WORDS_LENGTH]
    if asks_to_wait(error):
        return Seen(kind, sent_ms, Fared.THROTTLED, words, int(1000 * wait_s(error)))
    return Seen(kind, sent_ms, Fared.UNREACHED if isinstance(error, NotSentError) else Fared.SILENT, words)


def refused_delay_s(strikes: int, patience_s: float, cap_s: float = REFUSED_CAP_S) -> float:
    """Seconds until an edit that was refused ``strikes`` times before is tried again: 1 s, doubling, with jitter.

    Never longer than half of what its refusals must span (but a quarter of a second), so that they can be counted.
    """
    cap_s = min(cap_s, max(patience_s / 2, REFUSED_LEAST_S))
    return min(REFUSED_FIRST_S * 2.0 ** min(strikes, 50), cap_s) * random.uniform(0.75, 1)


def errors_delay_s(errors: int) -> float:
    """Seconds until an edit is sent again after ``errors`` answers with an error before: 5 s, times 4, to 300 s."""
    return min(ERRORS_FIRST_S * ERRORS_GROWTH ** min(errors, 50), ERRORS_CAP_S) * random.uniform(0.75, 1)
