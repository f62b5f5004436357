"""The error tree: one level for each decision that the caller takes.

RetouchError
├── InputError                  the input is wrong: correct it and send it again (exit 2)
│   ├── InvalidEditError        one edit is invalid; ``errors`` names each fault (``retouch.intake.admission``)
│   └── RejectedEditsError      edits that were to be enqueued are invalid; ``rejected`` names each (the same)
├── TooManyFailuresError        more edits of a batch have failed than the caller allows (``retouch.failure_limit``)
├── CancelledError              the batch was cancelled meanwhile (exit 4)
├── ServiceError                another system cannot be reached, or refuses (exit 6)
│   ├── SchemaError             the ledger has another version than this program
│   └── LostImagesError         images of a batch are gone from S3, or differ; all others were downloaded
├── LedgerError                 Redis, or a gateway, did not do what was asked for
│   ├── AbsentError             a gateway knows of no such thing (``retouch.gateway.client``)
│   ├── RefusedEditsError       a gateway refuses edits, and has enqueued none (the same)
│   ├── BatchCancelledError     a person has cancelled the batch that is being filled
│   ├── BatchDefaultsError      another producer made the batch with other defaults: enqueue it again
│   ├── BatchLimitError         the batch was given another limit of failures, or is above the new one already
│   ├── BatchBudgetError        the batch was given another budget before
│   ├── LedgerAwayError         no connection, or no answer: ask again later
│   └── LedgerRefusedError      Redis refuses (password, memory, read-only): a person must fix it
├── ApiError                    the img2img API did not accept the request
│   ├── NotSentError            no connection was opened: it is safe to send it again
│   ├── HeldBackError           the caller stopped it right before it was sent
│   ├── ThrottledError          429, or a Retry-After: it is safe to send it again, after ``retry_after_s``
│   ├── UnavailableError        503 on a submit, any error of the server on a status request: safe to send again
│   ├── RefusedError            any other answer: it was not accepted, and how others fare tells whose fault that is
│   └── AmbiguousError          not answered, or answered with an error: it may have been accepted, and paid for
├── ResultError                 an image could not be fetched from the API
│   ├── GoneError               the link answers 403, 404 or 410: ask the API for a new one
│   ├── BrokenResultError       the bytes are not a whole image, or the address is not allowed; fetching again may help
│   └── UnreachableResultError  the host did not answer: fetch again later
└── StoreError                  S3 did not accept the object, or did not give it
    ├── StoreUnavailableError   a temporary error: put it again later
    ├── StoreRefusedError       no such bucket, or credentials refused: a person must fix it
    └── LostObjectError         an object is gone, or is not the one that was stored: the others are as they were

No message holds a secret: URLs are shown without their query (``retouch.net.redaction``), keys are not shown.
"""

from __future__ import annotations


class RetouchError(Exception):
    """The root of all errors that Retouch raises."""


class InputError(RetouchError):
    """The input is wrong; the message says what is wrong, and what is allowed."""


class CancelledError(RetouchError):
    """The batch was cancelled by a person while it was being enqueued."""


class ServiceError(RetouchError):
    """Another system (Redis, S3, the API) cannot be reached, or refuses."""


class SchemaError(ServiceError):
    """The ledger has another version than this program; nothing was changed."""


class LostImagesError(ServiceError):
    """Images of a batch are gone from S3, or differ from what was stored; all others are in the folder.

    ``lost``: a sentence for each.
    """

    def __init__(self, message: str, lost: list[str]) -> None:
        super().__init__(message)
        self.lost = lost


class LedgerError(RetouchError):
    """Redis, or a gateway, did not do what was asked for; the message is its own, on one line."""


class BatchCancelledError(LedgerError):
    """The batch was cancelled by a person while a producer filled it; nothing more was added."""


class BatchDefaultsError(LedgerError):
    """Another producer made the batch meanwhile, with other defaults; nothing was added."""


class BatchLimitError(LedgerError):
    """The batch was given another ``max_failures``, or more of its edits have failed already; nothing was changed.

    ``found``: that one, or how many have failed.
    """

    def __init__(self, found: str) -> None:
        super().__init__(f"max_failures: {found}")
        self.found = found


class BatchBudgetError(LedgerError):
    """The batch was given another budget before; nothing was changed. ``found``: that one, in micro-units."""

    def __init__(self, found: int) -> None:
        super().__init__("the batch was given another budget before")
        self.found = found


class LedgerAwayError(LedgerError):
    """Redis was not reached, or did not answer; the call may have been executed."""


class LedgerRefusedError(LedgerError):
    """Redis answers and refuses: a wrong password, no memory, or a replica that accepts no writes.

    ``remedy``: what a person can do, which the message says too; empty: Redis says it itself.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message}; {remedy}" if remedy else message)
        self.remedy = remedy


class ApiError(RetouchError):
    """The img2img API did not accept the request.

    ``retry_after_s``: the seconds to wait that the API asked for (with 429 or 503), or None. ``code``: the HTTP status
    of its answer; None: there was none that is whole.
    """

    def __init__(self, message: str, retry_after_s: float | None = None, *, code: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.code = code


class NotSentError(ApiError):
    """No connection was opened; the API never saw the request."""


class HeldBackError(ApiError):
    """The caller stopped the request right before its body was sent."""


class ThrottledError(ApiError):
    """The API asks to wait (429)."""


class UnavailableError(ApiError):
    """The API did not accept the request for now."""


class RefusedError(ApiError):
    """The API answered, and did not accept the request; the message is its own.

    ``definite``: its words are the API's own, and about this very request. ``pending``: where the idempotency key was
    sent before, they say that the first request is still at work, or that this one differs from it. ``caller``: it is
    about who asks (the key, the credit), and so never about the edit.
    """

    def __init__(
        self,
        message: str,
        retry_after_s: float | None = None,
        *,
        definite: bool = False,
        pending: bool = False,
        caller: bool = False,
        code: int | None = None,
    ) -> None:
        super().__init__(message, retry_after_s, code=code)
        self.definite = definite
        self.pending = pending
        self.caller = caller


class AmbiguousError(ApiError):
    """The request was sent and not answered; the API may have accepted it, and may charge for it.

    ``answered``: the API itself answered, with an error of its server.
    """

    def __init__(
        self,
        message: str,
        retry_after_s: float | None = None,
        *,
        answered: bool = False,
        code: int | None = None,
    ) -> None:
        super().__init__(message, retry_after_s, code=code)
        self.answered = answered


class ResultError(RetouchError):
    """A finished image could not be fetched from where the API put it."""


class GoneError(ResultError):
    """The result's link no longer works (403, 404, 410)."""


class BrokenResultError(ResultError):
    """What was fetched is not a whole image within the limits, or its address is not allowed."""


class UnreachableResultError(ResultError):
    """The result's host did not answer, or answered 5xx."""


class StoreError(RetouchError):
    """S3 did not accept an object."""


class StoreUnavailableError(StoreError):
    """S3 has a temporary error."""


class StoreRefusedError(StoreError):
    """The bucket does not exist, or the credentials are refused."""


class LostObjectError(StoreError):
    """An object is not there any more, or it is not the one that was stored under its key."""
