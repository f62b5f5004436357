"""Errors as RFC 9457 has them: ``application/problem+json``, with a name for programs and a sentence for people."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from retouch.errors import CancelledError, InputError, LedgerError, ServiceError, StoreError

MEDIA_TYPE = "application/problem+json"
AGAIN_S = 5  # when Redis or S3 is away
KIND = "urn:retouch:problem:"
OPENAI = "/openai/"  # paths of the face that answers as OpenAI's API does


class Kind(Enum):
    """What can be wrong: the name at the end of ``type``, the status, and the title."""

    BAD_REQUEST = ("bad-request", 400, "The request cannot be read")
    NO_KEY = ("no-key", 401, "A key is needed")
    NOT_ALLOWED = ("not-allowed", 403, "The key does not allow that")
    NOT_FOUND = ("not-found", 404, "There is no such thing")
    NO_METHOD = ("no-method", 405, "That cannot be done here")
    TOO_SLOW = ("too-slow", 408, "The body did not come in time")
    CANCELLED = ("cancelled", 409, "The batch was cancelled meanwhile")
    AT_WORK = ("at-work", 409, "The first request with this key is at work")
    TOO_LARGE = ("too-large", 413, "The body is too large")
    WRONG_TYPE = ("wrong-type", 415, "The body is of another type")
    INVALID = ("invalid", 422, "Something in the request is wrong")
    REJECTED = ("rejected", 422, "Edits are wrong, so none was taken")
    KEY_REUSED = ("key-reused", 422, "The Idempotency-Key came before with another request")
    OLD_HTTP = ("old-http", 426, "HTTP/1.1 is needed")
    TOO_MANY = ("too-many", 429, "Too many requests")
    BUG = ("bug", 500, "A bug in Retouch")
    AWAY = ("away", 503, "Another system cannot be reached")

    def __init__(self, slug: str, status: int, title: str) -> None:
        self.slug = slug
        self.status = status
        self.title = title


class Fault(BaseModel):
    """One thing that is wrong in a body or in a parameter."""

    line: int | None = Field(None, description="Its line, or its place in a list; from 1.")
    custom_id: str | None = Field(None, description="The edit's own name, if it has one.")
    field: str | None = Field(None, description="The field or the parameter that is wrong.")
    detail: str = Field(description="What is wrong, and what is allowed.")


class Problem(BaseModel):
    """What every error looks like (RFC 9457). There may be more members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description=f"`{KIND}` and a name for programs.", examples=[f"{KIND}not-found"])
    title: str
    status: int
    detail: str = Field(description="What is wrong, and what to do.")
    instance: str = Field(description="This occurrence; the gateway's log has it too.")
    errors: list[Fault] | None = Field(None, description="Each fault, where there can be several; the first ones.")


class ProblemError(Exception):
    """A handler's way to answer with a problem. ``more``: further members."""

    def __init__(self, kind: Kind, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.kind = kind
        self.headers = dict(headers or {})
        self.more = more


def response_of(error: ProblemError, scope: Mapping[str, Any]) -> Response:
    """The answer to a request, in the shape of the face that it is for."""
    headers = error.headers
    if error.kind is Kind.AWAY:
        headers = {"Retry-After": str(AGAIN_S), **headers}
    if str(scope.get("path", "")).startswith(OPENAI):
        return JSONResponse(_as_openai(error), openai_status(error.kind), headers)
    body = {
        "type": f"{KIND}{error.kind.slug}",
        "title": error.kind.title,
        "status": error.kind.status,
        "detail": str(error),
        "instance": f"urn:retouch:request:{request_id(scope)}",
        **error.more,
    }
    return JSONResponse(body, error.kind.status, headers, MEDIA_TYPE)


def openai_status(kind: Kind) -> int:
    """The status where OpenAI's clients expect one of theirs: 400 is what they do not send again by themselves."""
    return 400 if kind.status == 422 or kind is Kind.CANCELLED else kind.status


def _as_openai(error: ProblemError) -> dict[str, Any]:
    code = {Kind.NO_KEY: "invalid_api_key", Kind.TOO_MANY: "rate_limit_exceeded"}
    of_caller = "rate_limit_error" if error.kind is Kind.TOO_MANY else "invalid_request_error"
    faults = error.more.get("errors") or [{}]
    return {
        "error": {
            "message": str(error),
            "type": "server_error" if error.kind.status >= 500 else of_caller,
            "param": faults[0].get("field"),
            "code": code.get(error.kind, error.kind.slug.replace("-", "_")),
        }
    }


def a_bug() -> ProblemError:
    """What is said of an error that nobody has foreseen: nothing of it."""
    return ProblemError(Kind.BUG, "it is in the gateway's log, under this instance")


def request_id(scope: Mapping[str, Any]) -> str:
    """The id of a request, in its answer and in the log."""
    return str(scope.get("state", {}).get("request_id") or secrets.token_hex(8))


def install(app: FastAPI) -> None:
    """Have every error of the app answered by a problem."""

    def answer(request: Request, error: Exception) -> Response:
        return response_of(_problem_of(app, request, error), request.scope)

    for kind in (ProblemError, *_OURS, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)


_OURS = {
    InputError: Kind.INVALID,
    CancelledError: Kind.CANCELLED,
    ServiceError: Kind.AWAY,
    StoreError: Kind.AWAY,
    LedgerError: Kind.AWAY,
}


def _problem_of(app: FastAPI, request: Request, error: Exception) -> ProblemError:
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, RequestValidationError) and (broken := _broken_json(error)):
        return ProblemError(Kind.BAD_REQUEST, broken)
    if isinstance(error, RequestValidationError):
        faults = [_fault(one) for one in error.errors()]
        detail = "; ".join(f"{one['field']}: {one['detail']}" for one in faults[:3])
        return ProblemError(Kind.INVALID, detail, errors=faults)
    if isinstance(error, HTTPException):
        return _of_the_framework(app, request, error)
    for ours, kind in _OURS.items():
        if isinstance(error, ours):
            return ProblemError(kind, str(error))
    return a_bug()


def _broken_json(error: RequestValidationError) -> str:
    """What is wrong with a body that is no JSON; empty if it is JSON."""
    first = error.errors()[0]
    if first["type"] != "json_invalid":
        return ""
    return f"the body is not JSON: {first['ctx']['error']} at position {first['loc'][-1] + 1}"


def _of_the_framework(app: FastAPI, request: Request, error: HTTPException) -> ProblemError:
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        methods = ", ".join(sorted(_methods_at(app, request)))
        detail = f"{request.method} is not possible here; possible: {methods}"
        return ProblemError(Kind.NO_METHOD, detail, {"Allow": methods})
    if error.status_code == HTTPStatus.NOT_FOUND:
        return ProblemError(Kind.NOT_FOUND, "there is nothing at this path; /openapi.json has what there is")
    return ProblemError(Kind.BAD_REQUEST, str(error.detail))


def _fault(error: Mapping[str, Any]) -> dict[str, Any]:
    """One of pydantic's errors, without the value that was sent."""
    place = [str(part) for part in error["loc"][1:]] or [str(part) for part in error["loc"]]
    unknown = error["type"] == "extra_forbidden"
    told = "there is none of that name" if unknown else str(error["msg"]).removeprefix("Value error, ")
    return {"field": ".".join(place), "detail": told}


def _methods_at(app: FastAPI, request: Request) -> set[str]:
    """All methods at a path: the framework names those of the first route alone."""
    found: set[str] = set()
    for route in app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= set(getattr(route, "methods", None) or ())
    return found


def described(*kinds: Kind, openai: bool = False) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with, for OpenAPI; ``openai``: in that API's shape."""
    found: dict[int | str, dict[str, Any]] = {}
    shape, media_type = ("OpenAIError", "application/json") if openai else ("Problem", MEDIA_TYPE)
    for kind in sorted(kinds, key=lambda one: (one.status, one.slug)):
        status = openai_status(kind) if openai else kind.status
        before = found.get(status, {}).get("description")
        text = f"{before}, or: {kind.title.lower()}" if before else kind.title
        schema = {"$ref": f"#/components/schemas/{shape}"}
        found[status] = {"description": text, "content": {media_type: {"schema": schema}}}
    return found
