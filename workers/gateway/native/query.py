"""A parameter that there is not: ignored, a mistyped one would do something else than was meant, silently."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel

from retouch.nearest import nearest
from workers.gateway.problems import Kind, ProblemError

NATIVE = "/v1/"


def only_known(request: Request) -> None:
    """Refuse a query of which the route does not know each name; raises ProblemError."""
    if not (request.query_params and request.url.path.startswith(NATIVE)):
        return
    known = list(parameters(request.scope["route"].dependant))
    if unknown := sorted(set(request.query_params) - set(known)):
        raise ProblemError(Kind.INVALID, _detail(unknown[0], known), errors=[_fault(name, known) for name in unknown])


def parameters(dependant: Dependant) -> Iterator[str]:
    """The names in a query that a route takes, by itself or by what it depends on.

    The OpenAPI document has them too, but is not there until somebody asks for it, and takes the time of many requests.
    """
    for asked in dependant.query_params:
        shape = asked.field_info.annotation
        if isinstance(shape, type) and issubclass(shape, BaseModel):
            yield from shape.model_fields
        else:
            yield asked.alias
    for other in dependant.dependencies:
        yield from parameters(other)


def _fault(name: str, known: list[str]) -> dict[str, str]:
    return {"field": name[:80], "detail": _detail(name, known)}


def _detail(name: str, known: list[str]) -> str:
    said = f"there is no parameter {name[:80]!r} here"
    if meant := nearest(name, known):
        return f"{said}; did you mean {meant!r}?"
    return f"{said}; there is {', '.join(known)}" if known else f"{said}, nor any other"
