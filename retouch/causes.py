"""Why edits fail and requests pause, how requests fared, what happens to a submit that was not answered."""

from __future__ import annotations

from enum import StrEnum


class FailureCode(StrEnum):
    """Why an edit failed, or was cancelled: ``error.code`` of its result. docs/troubleshooting.md explains each."""

    BAD_INIT_IMAGE = "bad_init_image"  # no link to it can be made; it was not sent
    REFUSED = "refused"  # the API did not take it
    FAILURE = "failure"  # the API took it, and reports a failure
    AMBIGUOUS = "ambiguous"  # it was sent as often as is allowed, and never answered well
    DEADLINE = "deadline"  # the API took it, and had no result in time
    LOST = "lost"  # the API took it, and does not know it any more
    EMPTY_RESULT = "empty_result"
    PARTIAL_RESULT = "partial_result"  # fewer images than ``samples``; those that came are kept
    RESULT_GONE = "result_gone"  # the links to its images do not work
    BROKEN_RESULT = "broken_result"  # what they lead to is no whole image
    RESULT_UNREACHABLE = "result_unreachable"  # their host did not answer for a day
    POISON = "poison"  # the workers that worked on it died, or met a bug
    UNANSWERED = "unanswered"  # cancelled after it was sent and not answered


class PauseCause(StrEnum):
    """Why requests of a kind are not sent; the ledger names a pause ``KIND:CAUSE``, such as ``submit:refused``."""

    THROTTLED = "throttled"  # 429, or a Retry-After: none of this kind until that time has passed
    OUTAGE = "outage"  # 5xx or no answer, several times in a row: one probe at a time
    REFUSED = "refused"  # submits of several edits were refused, and none was taken in between: one probe at a time
    STORE = "store"  # results cannot be fetched or stored: nothing new is paid for until one can
    BUDGET = "budget"  # what a day may cost is used up: until midnight UTC
    PERSON = "person"  # retouch pause


class BatchPause(StrEnum):
    """Why a batch does not move: its queued edits are not submitted."""

    PERSON = "person"  # retouch pause BATCH
    ARRIVING = "arriving"  # it is not whole yet: a gateway writes it, of a request that it has checked
    REFUSALS = "refusals"  # many of its edits in a row were refused in the same words
    FAILURES = "failures"  # more of its edits failed than its max_failures
    BUDGET = "budget"  # its next edit would cost more than is left of its budget


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
