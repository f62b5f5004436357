"""The gate that each request passes: its key, its rate, and its line in the log."""

from __future__ import annotations

import base64
import math
import secrets
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retouch.access_keys import AccessKey, AccessKeys, KeySecret
from retouch.access_keys import Scope as KeyScope
from retouch.errors import ServiceError, StoreError
from retouch.ledger.access import Admission
from retouch.ledger.views import iso
from retouch.plural import count
from workers.gateway.cookie import check_origin, session_of
from workers.gateway.problems import AGAIN_S, Kind, ProblemError, a_bug, response_of
from workers.gateway.veil import Veil
from workers.gateway.visits import Visits

OPEN = ("/healthz", "/readyz")  # without a key, and without a line in the log
PAGE = ("/", "/page/session")  # without a key: signing in is done there
FILES = "/page/files/"  # of the page: what anybody may read, and no line in the log either
AS_OF = "Retouch-As-Of"  # of an answer to the page: by Redis' clock, all that was written until then is in it
NOTIFICATIONS = "/v1/notifications"  # of stores, some of which can only send a key that stands in the URL (Ceph)

log = structlog.get_logger()


class Gate:
    """Lets requests with a good key through to the app, and tells it whose they are (``key_of``).

    A request of the page has a session in place of a key, which stands for one; what it reads has a time (``AS_OF``),
    for the page hears of changes by another way too. No answer is kept by caches, none is shown as another type than it
    is, and no page of another origin reads one.
    """

    def __init__(self, app: ASGIApp, keys: AccessKeys, visits: Visits, now: Callable[[], int]) -> None:
        self._app = app
        self._now = now
        self._keys = keys
        self._open = Counter[str]()  # by owner: requests that are not answered whole
        self._visits = visits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passage = _Passage(scope, send, self._open)
        try:
            if _is_open(scope["path"]):
                await self._app(scope, receive, passage.send)
            else:
                key = await self._admit(scope, passage)
                out = passage.send if key.sees_words else Veil(scope, receive, passage.send)
                await self._app(scope, receive, out)
        except ProblemError as problem:
            await response_of(problem, scope)(scope, receive, passage.send)
        except (ServiceError, StoreError) as error:  # in the middle of an answer, which the caller sees cut
            log.warning("request.cut", request=passage.id, path=scope["path"], reason=str(error))
        except Exception:
            log.exception("request.crashed", request=passage.id, method=scope["method"], path=scope["path"])
            if not passage.answered:  # else the app has done it
                await response_of(a_bug(), scope)(scope, receive, passage.send)
        finally:
            passage.close()
            if scope["path"] not in OPEN and not scope["path"].startswith(FILES):
                passage.log()

    async def _admit(self, scope: Scope, passage: _Passage) -> AccessKey:
        try:
            session = session_of(scope) if "authorization" not in Headers(scope=scope) else ""
            if session:
                check_origin(scope)
                key, secret, admission, passage.as_of = await run_in_threadpool(self._visiting, session)
            else:
                token = _token(Headers(scope=scope), scope["path"])
                key, secret, admission = await run_in_threadpool(self._found, token)
        except ServiceError as error:
            raise ProblemError(Kind.AWAY, str(error)) from None
        passage.enter(key, admission)
        scope["state"]["secret"] = secret
        scope["state"]["opens"] = (
            partial(self._visits.find, session) if session else partial(self._keys.still_opens, key, secret)
        )
        if not admission.admitted:
            raise _too_many(key, admission)
        passage.hold_open(key)
        return key

    def _found(self, token: str) -> tuple[AccessKey, KeySecret, Admission]:
        found = self._keys.of_token(token)
        if not found:
            raise _no_key("this key is not known: it is mistyped, or was revoked (retouch keys)")
        return *found, self._keys.use(*found)

    def _visiting(self, session: str) -> tuple[AccessKey, KeySecret, Admission, str | None]:
        found = self._visits.find(session)
        if not found:
            raise _no_key("this session has ended: sign in again")
        return *found, self._visits.use(found), iso(self._now())


class _Passage:
    """One request on its way, as far as the log and the answer's head need to know it."""

    def __init__(self, scope: Scope, send: Send, open_: Counter[str]) -> None:
        self.id = secrets.token_hex(8)
        self.as_of: str | None = None
        self._scope = scope
        self._send = send
        self._began = time.monotonic()
        self._status: int | None = None
        self._bytes = 0
        self._whole = False
        self._key: AccessKey | None = None
        self._admission: Admission | None = None
        self._open = open_
        self._holds = ""  # the owner among whose open requests it counts
        scope.setdefault("state", {})["request_id"] = self.id

    @property
    def answered(self) -> bool:
        """Whether an answer has begun."""
        return self._status is not None

    def enter(self, key: AccessKey, admission: Admission) -> None:
        self._key, self._admission = key, admission
        self._scope["state"]["key"] = key

    def hold_open(self, key: AccessKey) -> None:
        """Count it among the key's open requests; raises ProblemError if there are as many as there may be."""
        if self._open[key.owner] >= key.max_open:
            detail = (
                f"key {key.name} has {count(key.max_open, 'request')} open here, streams and waits among them, as many"
                " as it may: end some, or make a key with a larger --max-open"
            )
            raise ProblemError(Kind.TOO_MANY, detail, {"Retry-After": str(AGAIN_S)})
        self._open[key.owner] += 1
        self._holds = key.owner

    def close(self) -> None:
        """Count it no more."""
        if self._holds:
            self._open[self._holds] -= 1
            if not self._open[self._holds]:
                del self._open[self._holds]
            self._holds = ""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.id
            headers["X-Content-Type-Options"] = "nosniff"
            headers.setdefault("Cache-Control", "no-store")
            if self.as_of:
                headers[AS_OF] = self.as_of
            if self._key and self._admission:
                _tell_rate(headers, self._key, self._admission)
        elif message["type"] == "http.response.body":
            self._bytes += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
        await self._send(message)

    def log(self) -> None:
        """Write the line; without a status nobody was answered, since the caller had gone."""
        log.info(
            "request.answered",
            request=self.id,
            method=self._scope["method"],
            path=self._scope["path"],
            key=self._key.name if self._key else None,
            status=self._status,
            whole=self._whole,
            bytes=self._bytes,
            seconds=round(time.monotonic() - self._began, 4),
        )


def _is_open(path: str) -> bool:
    return path in (*OPEN, *PAGE) or path.startswith(FILES)


def _token(headers: Headers, path: str) -> str:
    sent = headers.getlist("authorization")
    scheme, _, token = (sent[0] if len(sent) == 1 else "").partition(" ")
    if scheme.lower() == "basic" and path == NOTIFICATIONS:
        return _password(token.strip())
    if scheme.lower() != "bearer" or not token.strip():
        raise _no_key("send a key, which retouch keys create makes: Authorization: Bearer rt_…")
    return token.strip()


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except ValueError:
        raise _no_key("the credentials are not those of HTTP's Basic: base64 of NAME:KEY") from None


def _no_key(detail: str) -> ProblemError:
    return ProblemError(Kind.NO_KEY, detail, {"WWW-Authenticate": 'Bearer realm="retouch"'})


def _too_many(key: AccessKey, admission: Admission) -> ProblemError:
    wait_s = _seconds(admission.next_free_ms)
    detail = f"key {key.name} may send {key.rate}; the next one goes in {wait_s} s"
    return ProblemError(Kind.TOO_MANY, detail, {"Retry-After": str(wait_s)})


def _tell_rate(headers: MutableHeaders, key: AccessKey, admission: Admission) -> None:
    """As draft-ietf-httpapi-ratelimit-headers has it."""
    window = key.window
    headers["RateLimit-Policy"] = f'"key";q={window.requests};w={window.seconds}'
    headers["RateLimit"] = f'"key";r={admission.left};t={_seconds(admission.all_free_ms)}'


def _seconds(ms: int) -> int:
    return max(1, math.ceil(ms / 1000))


def key_of(request: Request) -> AccessKey:
    """The key that a request came with."""
    key: AccessKey = request.state.key
    return key


def secret_of(request: Request) -> KeySecret:
    """The secret of that key by which the request came in."""
    secret: KeySecret = request.state.secret
    return secret


def opens_still(request: Request) -> Callable[[], bool]:
    """Whether what a request came with opens the gateway still: for an answer without an end."""
    opens: Callable[[], object] = request.state.opens
    return lambda: bool(opens())


def _tells_its_end(request: Request) -> None:
    if request.scope["http_version"] == "1.0":
        detail = (
            "by HTTP/1.0 a part of this answer can pass for all of it: let the proxy before the gateway speak HTTP/1.1"
            " (nginx: proxy_http_version 1.1)"
        )
        raise ProblemError(Kind.OLD_HTTP, detail, {"Upgrade": "HTTP/1.1", "Connection": "Upgrade"})


WHOLE = Depends(_tells_its_end)  # of an answer whose length is not known when it begins


def needs(*scopes: KeyScope) -> Any:
    """A dependency: the key of the request, which has one of these scopes."""

    def check(request: Request) -> AccessKey:
        key = key_of(request)
        if key.scopes.isdisjoint(scopes):
            detail = f"this needs the scope {' or '.join(scopes)}, and key {key.name} has {key.said_scopes}"
            raise ProblemError(Kind.NOT_ALLOWED, detail)
        return key

    return Depends(check)
