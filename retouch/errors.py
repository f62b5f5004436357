"""The error tree: one level for each decision that the caller takes.

RetouchError
├── InputError                  the input is wrong: correct it and send it again (exit 2)
│   └── InvalidEditError        one edit is invalid; ``errors`` names each fault (``retouch.intake.admission``)
├── ServiceError                another system cannot be reached, or refuses (exit 6)
│   └── SchemaError             the ledger has another version than this program
├── LedgerError                 Redis did not do what the ledger asked for
│   ├── LedgerAwayError         no connection, or no answer: ask again later
│   └── LedgerRefusedError      Redis refuses (password, memory, read-only): a person must fix it
├── ApiError                    the img2img API did not accept the request
│   ├── NotSentError            no connection was opened: it is safe to send it again
│   ├── HeldBackError           the caller stopped it right before its body was sent
│   ├── ThrottledError          429: it is safe to send it again, after ``retry_after_s``
│   ├── UnavailableError        503 on a submit, any temporary error on a status request: it is safe to send it again
│   ├── AccountRefusedError     401, 402, 403: no request is accepted until a person fixes the account
│   ├── RefusedError            400, 413, 422 and other 4xx: this request will never be accepted
│   ├── UnknownIdError          404 on a status request: the API does not know the id
│   └── AmbiguousError          sent and not answered: it may have been accepted, and paid for
├── ResultError                 an image could not be fetched from the API
│   ├── GoneError               the link answers 403, 404 or 410: ask the API for a new one
│   ├── BrokenResultError       the bytes are not a whole image, or the address is not allowed; fetching again may help
│   └── UnreachableResultError  the host did not answer: fetch again later
└── StoreError                  S3 did not accept the object
    ├── StoreUnavailableError   a temporary error: put it again later
    └── StoreRefusedError       no such bucket, or credentials refused: a person must fix it

No message holds a secret: URLs are shown without their query (``retouch.net.redaction``), keys are not shown.
"""

from __future__ import annotations


class RetouchError(Exception):
    """The root of all errors that Retouch raises."""


class InputError(RetouchError):
    """The input is wrong; the message says what is wrong, and what is allowed."""


class ServiceError(RetouchError):
    """Another system (Redis, S3, the API) cannot be reached, or refuses."""


class SchemaError(ServiceError):
    """The ledger has another version than this program; nothing was changed."""


class LedgerError(RetouchError):
    """Redis did not do what the ledger asked for; the message is Redis' own, on one line."""


class LedgerAwayError(LedgerError):
    """Redis was not reached, or did not answer; the call may have been executed."""


class LedgerRefusedError(LedgerError):
    """Redis answers and refuses: a wrong password, no memory, or a replica that accepts no writes."""


class ApiError(RetouchError):
    """The img2img API did not accept the request.

    ``retry_after_s``: the seconds to wait that the API asked for (with 429 or 503), or None.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotSentError(ApiError):
    """No connection was opened; the API never saw the request."""


class HeldBackError(ApiError):
    """The caller stopped the request right before its body was sent."""


class ThrottledError(ApiError):
    """The API asks to wait (429)."""


class UnavailableError(ApiError):
    """The API did not accept the request for now."""


class AccountRefusedError(ApiError):
    """The API accepts nothing from this account until a person fixes it (key, credit, plan)."""


class RefusedError(ApiError):
    """The API will never accept this request; the message is the API's own."""


class UnknownIdError(ApiError):
    """The API does not know the id of a status request."""


class AmbiguousError(ApiError):
    """The request was sent and not answered; the API may have accepted it, and may charge for it."""


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
