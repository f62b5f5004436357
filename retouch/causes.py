"""Why requests to the API pause, how requests and deliveries fared, what happens to a submit that was not answered."""

from __future__ import annotations

from enum import StrEnum


class PauseCause(StrEnum):
    """Why requests of a kind are not sent; the ledger names a pause ``KIND:CAUSE``, such as ``submit:refused``."""

    THROTTLED = "throttled"  # 429, or a Retry-After: none of this kind until that time has passed
    OUTAGE = "outage"  # 5xx or no answer, several times in a row: one probe at a time
    REFUSED = "refused"  # submits of several edits were refused, and none was taken in between: one probe at a time
    STORE = "store"  # results cannot be fetched or stored: nothing new is paid for until one can
    PERSON = "person"  # retouch pause


class BatchPause(StrEnum):
    """Why a batch does not move: its queued edits are not submitted."""

    PERSON = "person"  # retouch pause BATCH
    REFUSALS = "refusals"  # many of its edits in a row were refused in the same words


class Fared(StrEnum):
    """How one request fared; the ledger compares it with how the requests of others fare."""

    GOOD = "good"
    REFUSED = "refused"  # answered, and not taken
    ANSWERED = "answered"  # the same, in words about this very request: the API is there
    THROTTLED = "throttled"  # asked to wait
    SILENT = "silent"  # a server error, or no answer
    UNREACHED = "unreached"  # no connection: it says the same of every kind of request
    FAILED = "failed"  # a result was not fetched, or not stored


class Outcome(StrEnum):
    """How the claim of a delivery ends."""

    DELIVERED = "delivered"
    AGAIN = "again"  # not taken: it is made again later
    GIVEN_UP = "given_up"  # not taken, for the last time; until a person has it made again
    GONE = "gone"  # the same, and no more deliveries to its sink are made for now: its receiver is not there any more


class AmbiguityPolicy(StrEnum):
    """What happens to a submit that was sent and not answered."""

    IDEMPOTENT = "idempotent"  # sent again under the same number
    RESUBMIT = "resubmit"  # sent again under a new number, and marked as a possible duplicate
    HOLD = "hold"  # set aside until a person decides
