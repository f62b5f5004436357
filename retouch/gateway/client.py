"""Requests to a gateway: repeated where that does no harm, and their failures as the ledger's errors."""

from __future__ import annotations

import json as json_text
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.cookiejar import DefaultCookiePolicy
from typing import IO, Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, Retry

from retouch.errors import CancelledError, InputError, LedgerAwayError, LedgerError
from retouch.net.gateway_address import GatewayAddress

CONNECT_S, ANSWER_S = 5.0, 60.0
TRIES = 5  # after the first one, some 15 s in all
PAUSE_S, PAUSE_MAX_S = 0.5, 8.0  # between them: at once, then 1 s, 2 s, …
MAX_RETRY_AFTER_S = 60.0
TEMPORARY = (429, 502, 503, 504)
PROBLEM = "urn:retouch:problem:"

_NO_COOKIES = DefaultCookiePolicy(allowed_domains=[])

Params = Mapping[str, Any]


class AbsentError(LedgerError):
    """There is no such thing, or none that the key may know of."""


class Fault(NamedTuple):
    """What is wrong with one edit of a body; ``line`` is its place there, from 1."""

    line: int
    custom_id: str | None
    text: str


class RefusedEditsError(LedgerError):
    """Edits of a body are wrong, and nothing of it was enqueued; ``faults`` are the first ones."""

    def __init__(self, message: str, faults: list[Fault]) -> None:
        super().__init__(message)
        self.faults = faults


@contextmanager
def understood() -> Iterator[None]:
    """Have an answer that is read here, and has another shape than is known, raise LedgerError; also a decorator."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        raise LedgerError(
            "it answers what cannot be read: it is a gateway of another version, or RETOUCH_URL is another server's"
        ) from None


class Client:
    """Asks one gateway. Threads may share it.

    Every method raises LedgerAwayError if there is no answer for now, AbsentError for what is not there, InputError for
    a key that is refused, or a request that is wrong, and LedgerError for any other answer.
    """

    def __init__(self, address: GatewayAddress, *, connect_s: float = CONNECT_S) -> None:
        self._address = address
        self._connect_s = connect_s
        self._patient = _session(address, _Patience.of(TRIES))
        self._once = _session(address, _Patience.of(0))
        self._proxies = {"no_proxy": "*"} if address.loopback else {}

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        self._patient.close()
        self._once.close()

    def json(self, method: str, path: str, *, repeat: bool = True, **more: Any) -> dict[str, Any]:
        """Ask for an object; ``more`` as for ``answer``."""
        with self.answer(method, path, repeat=repeat, **more) as answer:
            with suppress(ValueError, RecursionError, requests.RequestException):
                found = answer.json()
                if isinstance(found, dict):
                    return found
            raise stranger(answer)

    def answer(
        self,
        method: str,
        path: str,
        *,
        repeat: bool = True,
        params: Params | None = None,
        json: Any = None,
        body: IO[bytes] | None = None,
        content_type: str = "",
        headers: Mapping[str, str] | None = None,
        answer_s: float = ANSWER_S,
        kind: str = "",
    ) -> requests.Response:
        """Ask, and return a good answer, of which the body is not read yet.

        ``repeat``: the request may be sent again if its answer is lost, or is a temporary error. ``body`` is read from
        where it stands, at each try. ``answer_s``: how long the gateway may be silent. ``kind``: the type that the
        answer must have.
        """
        session = self._patient if repeat else self._once
        try:
            answer = session.request(
                method,
                f"{self._address.url}{path}",
                params=params,
                json=json,
                data=body,
                headers={**(headers or {}), **({"Content-Type": content_type} if content_type else {})},
                timeout=(self._connect_s, answer_s),
                stream=True,
                allow_redirects=False,
                proxies=self._proxies,
            )
        except requests.RequestException as error:
            raise LedgerAwayError(reason_of(error)) from None
        right = answer.headers.get("Content-Type", "").startswith(kind)
        if answer.ok and not answer.is_redirect and right:
            return answer
        with answer:
            raise _error_of(answer)


class _Patience(Retry):
    """The tries after the first one; a gateway may ask for a longer pause before one, up to a minute."""

    @classmethod
    def of(cls, tries: int) -> _Patience:
        return cls(
            tries,
            other=0,  # a certificate that is refused
            redirect=False,
            allowed_methods=None,
            status_forcelist=TEMPORARY,
            backoff_factor=PAUSE_S,
            backoff_max=PAUSE_MAX_S,
            raise_on_status=False,
        )

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, MAX_RETRY_AFTER_S)


class _Bearer(requests.auth.AuthBase):
    """Sends the key. As the session's own, so that ``~/.netrc`` has no say."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _session(address: GatewayAddress, patience: Retry) -> requests.Session:
    session = requests.Session()
    session.auth = _Bearer(address.token)
    session.cookies.set_policy(_NO_COOKIES)
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=patience))
    return session


def _error_of(answer: requests.Response) -> Exception:
    """What an answer means that is not a good one."""
    problem = _problem(answer)
    status = answer.status_code
    if problem is None and status == requests.codes.request_entity_too_large:  # it has gone no further
        return InputError(
            "a proxy before the gateway takes no body of that size: have it take larger ones (nginx:"
            " client_max_body_size), or send parts, to the same batch"
        )
    if problem is None:
        return stranger(answer)
    detail = str(problem.get("detail") or problem.get("title") or status)
    kind = str(problem.get("type", "")).removeprefix(PROBLEM)
    if kind == "rejected":
        return RefusedEditsError(detail, list(_faults(problem.get("errors"))))
    if status in (401, 403):
        return InputError(f"the gateway refuses the key (RETOUCH_TOKEN): {detail}")
    if status == 404:
        return AbsentError(detail)
    if kind == "cancelled":
        return CancelledError(detail)
    if status in TEMPORARY:
        return LedgerAwayError(detail)
    if status in (400, 413, 415, 422):
        return InputError(f"the gateway refuses that: {detail}")
    return LedgerError(f"it answers {status}: {detail}")


def _problem(answer: requests.Response) -> dict[str, Any] | None:
    if answer.headers.get("Content-Type", "").partition(";")[0] != "application/problem+json":
        return None
    try:
        # Servers that stand in the way may tell what they were sent.
        found = json_text.loads(answer.text.replace(answer.request.headers["Authorization"].split()[-1], "…"))
    except (ValueError, RecursionError, requests.RequestException):
        return None
    return found if isinstance(found, dict) else None


def _faults(errors: Any) -> Iterable[Fault]:
    for one in errors if isinstance(errors, list) else []:
        if isinstance(one, dict) and isinstance(one.get("line"), int):
            named = one.get("custom_id")
            yield Fault(one["line"], named if isinstance(named, str) else None, str(one.get("detail")))


def stranger(answer: requests.Response) -> LedgerError:
    """An answer that is none of a gateway: of a proxy, of a page to log in, of another server."""
    status, kind = answer.status_code, answer.headers.get("Content-Type", "no type").partition(";")[0][:60]
    if answer.is_redirect:
        return LedgerError(f"it answers {status} and sends callers elsewhere: set RETOUCH_URL to where the gateway is")
    told = f"{status} ({kind}), which is no answer of a gateway: a proxy's, or RETOUCH_URL is another server's"
    return LedgerAwayError(f"it answers {told}") if status in TEMPORARY else LedgerError(f"it answers {told}")


def reason_of(error: Exception) -> str:
    """Why there is no answer, without addresses."""
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted, or its TLS is broken (REQUESTS_CA_BUNDLE names other authorities)"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy (HTTPS_PROXY) does not lead to it"
    if isinstance(error, requests.exceptions.Timeout):
        return "it took too long"
    if isinstance(error, requests.exceptions.ConnectionError):
        return _cause_of(error)
    return "its answer is not HTTP, or was cut"


def _cause_of(error: BaseException) -> str:
    """The system's own words for a connection that was not made or was cut."""
    seen: BaseException | None = error
    for _ in range(8):
        if isinstance(seen, OSError) and seen.strerror and not isinstance(seen, requests.RequestException):
            return seen.strerror
        inner = getattr(seen, "reason", None)
        found = [
            inner,
            *(seen.args if seen else ()),
            seen.__cause__ if seen else None,
            seen.__context__ if seen else None,
        ]
        seen = next((one for one in found if isinstance(one, BaseException)), None)
        if seen is None:
            break
    return "the connection was cut, or was not made"
