"""The cookie of the page, and whether a request that has it comes from the page itself."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from workers.gateway.problems import Kind, ProblemError

SAFE = ("GET", "HEAD")
_OVER_TLS = "__Host-retouch"  # no subdomain and no http:// can have set it
_ELSEWHERE = (
    "the page's session is for the page alone: this request came from another site, or from a program (which sends a"
    " key: Authorization: Bearer rt_…), or by http:// from another machine, where browsers do not tell: use https://"
)


def session_of(scope: Scope) -> str:
    """The session that a request has; empty if it has none."""
    # The framework reads them as browsers do: those of other programs on this machine may be odd.
    cookies, headers = Request(scope).cookies, Headers(scope=scope)
    return cookies.get(_OVER_TLS) or (cookies.get(_local(headers), "") if _is_here(headers) else "")


def set_session(response: Response, headers: Headers, session: str, seconds: int | None) -> None:
    """Hand a session to a browser; None: until it is closed. An empty session takes it away."""
    over_tls = _is_over_tls(headers)
    response.set_cookie(
        _OVER_TLS if over_tls else _local(headers),
        session,
        max_age=seconds if session else 0,
        path="/",
        secure=over_tls,
        httponly=True,
        samesite="strict",
    )


def check_origin(scope: Scope) -> None:
    """Raise ProblemError unless a request comes from the page itself, as the browser says.

    SameSite does not tell ports apart: another server of this machine is the same site. A browser that does not say
    where a request comes from is refused.
    """
    came = Headers(scope=scope).get("sec-fetch-site")
    if came != "same-origin" and not (came == "none" and scope["method"] in SAFE):  # none: typed by the person
        raise ProblemError(Kind.NOT_ALLOWED, _ELSEWHERE)


def _local(headers: Headers) -> str:
    """Cookies of this machine are the same for all ports, so that the name has the port."""
    return f"retouch-{_host(headers)[1] or 80}"


def _is_over_tls(headers: Headers) -> bool:
    """Whether the browser speaks TLS, as it says itself: a proxy may have another name for the gateway."""
    return headers.get("origin", "").startswith("https://") or not _is_here(headers)


def _is_here(headers: Headers) -> bool:
    """Whether the browser is on this machine, which needs no TLS."""
    host = _host(headers)[0]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host(headers: Headers) -> tuple[str, int | None]:
    try:
        parts = urlsplit(f"//{headers.get('host', '')}")
        return parts.hostname or "", parts.port
    except ValueError:
        return "", None
