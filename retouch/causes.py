"""Why requests to the API pause, and what happens to a submit that was not answered."""

from __future__ import annotations

from enum import StrEnum


class PauseCause(StrEnum):
    """Why the workers send nothing, or no submits; the values are in the ledger and in ``retouch status --json``."""

    REFUSED = "api"  # 401, 402, 403: no submits until the account is fixed
    THROTTLED = "throttled"  # 429, or a Retry-After: no request until that time has passed
    OUTAGE = "outage"  # 5xx or no answer, several times in a row: one probe at a time
    STORE = "store"  # the bucket for results refuses: no submits until a worker can write to it


class AmbiguityPolicy(StrEnum):
    """What happens to a submit that was sent and not answered."""

    IDEMPOTENT = "idempotent"  # sent again under the same number
    RESUBMIT = "resubmit"  # sent once more under a new number, and marked as a possible duplicate
    HOLD = "hold"  # set aside until a person decides
