"""A parameter that there is not: ignored, a mistyped one would do something else than was meant, silently."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from retouch.nearest import nearest
from workers.gateway.problems import Kind, ProblemError

NATIVE = "/v1/"


def only_known(request: Request) -> None:
    """Refuse a query of which the document does not know each name; raises ProblemError."""
    if not (request.query_params and request.url.path.startswith(NATIVE)):
        return
    known = _parameters(request)
    if unknown := sorted(set(request.query_params) - set(known)):
        raise ProblemError(Kind.INVALID, _detail(unknown[0], known), errors=[_fault(name, known) for name in unknown])


def _parameters(request: Request) -> list[str]:
    paths: dict[str, Any] = request.app.openapi()["paths"]
    described = paths[request.scope["route"].path_format][request.method.lower()].get("parameters", [])
    return [one["name"] for one in described if one["in"] == "query"]


def _fault(name: str, known: list[str]) -> dict[str, str]:
    return {"field": name[:80], "detail": _detail(name, known)}


def _detail(name: str, known: list[str]) -> str:
    said = f"there is no parameter {name[:80]!r} here"
    if meant := nearest(name, known):
        return f"{said}; did you mean {meant!r}?"
    return f"{said}; there is {', '.join(known)}" if known else f"{said}, nor any other"
