"""The error tree: one level per decision that the caller takes.

RetouchError
├── InputError                what was handed in is wrong: mend it and send it again (exit 2)
│   └── InvalidEditError      one edit breaks the contract; ``errors`` names each fault
├── ServiceError              another system cannot be reached or refuses (exit 6)
│   └── SchemaError           the ledger has another version than this program
├── LedgerError               Redis did not do what the ledger asked of it
│   ├── LedgerAwayError       no connection, or no answer: ask again later
│   └── LedgerUnwillingError  it answers and refuses (password, memory, read-only): a person must mend it
├── ApiError                  the img2img API did not take the request
│   ├── NotSentError          no connection was opened: sending it again is safe
│   ├── HeldBackError         the caller forbade it in the last moment
│   ├── ThrottledError        429: sending it again is safe, after ``retry_after_s``
│   ├── UnavailableError      503 on a submit; any passing trouble on a status request: sending again is safe
│   ├── UnwillingError        401, 402, 403: nothing will be taken until a person mends it
│   ├── RefusedError          400, 413, 422 and other 4xx: this request will never be taken
│   ├── UnknownIdError        404 on a status request: the API does not know the id
│   └── AmbiguousError        sent and not answered: it may have been taken, and paid for
├── ResultError               an image could not be taken from the API
│   ├── GoneError             the link answers 403, 404 or 410: ask once for a fresh one
│   ├── BrokenResultError     what arrived is not a whole image, or is refused: fetching again may help
│   └── UnreachableResultError  the host did not answer: fetch again later
└── StoreError                S3 did not take the object
    ├── StoreUnavailableError passing trouble: put it again later
    └── StoreUnwillingError   no such bucket, or credentials refused: a person must mend it

No message holds a secret: URLs come without their query (``retouch.net.redaction``), keys not at all.
"""

from __future__ import annotations


class RetouchError(Exception):
    """The root of all errors that Retouch raises."""


class InputError(RetouchError):
    """What was handed in is wrong; the message names what, and what is allowed."""


class ServiceError(RetouchError):
    """Another system (Redis, the store, the API) cannot be reached or refuses."""


class SchemaError(ServiceError):
    """The ledger has another version than this program; nothing was changed."""


class LedgerError(RetouchError):
    """Redis did not do what the ledger asked of it; the message is Redis' own, on one line."""


class LedgerAwayError(LedgerError):
    """Redis was not reached, or did not answer; the call may have been carried out."""


class LedgerUnwillingError(LedgerError):
    """Redis answers and refuses: the password, its memory, or a replica that takes no writes."""


class ApiError(RetouchError):
    """The img2img API did not take the request.

    ``retry_after_s``: seconds to wait as the API asked (with 429 or 503), or None if it named none.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotSentError(ApiError):
    """No connection was opened; the API never saw the request."""


class HeldBackError(ApiError):
    """The caller forbade the request right before its body was to be sent."""


class ThrottledError(ApiError):
    """The API asks for patience."""


class UnavailableError(ApiError):
    """The API says that it did not take the request for now."""


class UnwillingError(ApiError):
    """The API takes nothing from this account until a person mends it (key, credit, plan)."""


class RefusedError(ApiError):
    """The API will never take this request; the message is the API's own."""


class UnknownIdError(ApiError):
    """The API says that it does not know the id it is asked about."""


class AmbiguousError(ApiError):
    """The request was sent and not answered; the API may have taken it, and may charge for it."""


class ResultError(RetouchError):
    """A finished image could not be taken from where the API put it."""


class GoneError(ResultError):
    """The result's link is no longer served (403, 404, 410)."""


class BrokenResultError(ResultError):
    """What was served is not a whole image within the limits, or its address is refused."""


class UnreachableResultError(ResultError):
    """The result's host did not answer, or answered 5xx."""


class StoreError(RetouchError):
    """S3 did not take an object."""


class StoreUnavailableError(StoreError):
    """S3 is in passing trouble."""


class StoreUnwillingError(StoreError):
    """The bucket does not exist or the credentials are refused."""
