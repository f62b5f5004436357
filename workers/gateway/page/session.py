"""Signing in to the page, and out: by a key that is pasted once, or by a link that is good once."""

from __future__ import annotations

from typing import Literal

import structlog
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from workers.gateway.cookie import check_origin, session_of, set_session
from workers.gateway.gate import key_of, secret_of
from workers.gateway.problems import Kind, ProblemError
from workers.gateway.visits import SESSION_S, Found, Visits

PATH = "/page/session"
_REFUSED = {
    "key": "this key opens nothing: it is mistyped, or was revoked (retouch keys); or this page runs alone, and takes"
    " the link that it has printed",
    "link": "this link was used already, or is too old: each is good once (another: retouch page)",
}

_NO_LINK = "a link is made with a key (retouch page), not with a session: sessions that make others would never end"

log = structlog.get_logger()


class SignIn(BaseModel):
    """What a person signs in with."""

    model_config = ConfigDict(extra="forbid")

    by: Literal["key", "link"]
    secret: str = Field(max_length=200)


def add_session(app: FastAPI, visits: Visits) -> None:
    """Add the routes; they look after who may call them by themselves."""

    @app.get(PATH, include_in_schema=False)
    def who(request: Request) -> Response:
        found = _found(visits, request)
        return JSONResponse(_told(found) if found else None)

    @app.post(PATH, include_in_schema=False)
    def sign_in(request: Request, asked: SignIn) -> Response:
        check_origin(request.scope)
        session = (visits.begin if asked.by == "key" else visits.enter)(asked.secret.strip())
        found = visits.find(session) if session else None
        if not session or not found:
            raise ProblemError(Kind.NO_KEY, _REFUSED[asked.by])
        log.info("page.signed_in", key=found[0].name, by=asked.by)
        response = JSONResponse(_told(found))
        set_session(response, request.headers, session, SESSION_S)
        return response

    @app.delete(PATH, include_in_schema=False)
    def sign_out(request: Request) -> Response:
        check_origin(request.scope)
        found = _found(visits, request)
        visits.end(session_of(request.scope))
        if found:
            log.info("page.signed_out", key=found[0].name)
        response = Response(status_code=204, headers={"Clear-Site-Data": '"cache"'})  # small copies of pictures
        set_session(response, request.headers, "", None)
        return response

    @app.post("/page/links", include_in_schema=False)
    async def link(request: Request) -> Response:
        """For a key: the secret of a link that begins a session of its own."""
        if "authorization" not in request.headers:
            raise ProblemError(Kind.NOT_ALLOWED, _NO_LINK)
        found = key_of(request), secret_of(request)
        return JSONResponse({"link": await run_in_threadpool(visits.link, found)}, 201)


def _found(visits: Visits, request: Request) -> Found | None:
    session = session_of(request.scope)
    return visits.find(session) if session else None


def _told(found: Found) -> dict[str, object]:
    key, _ = found
    return {"key": key.name, "scopes": sorted(key.scopes), "prefix": key.prefix}
