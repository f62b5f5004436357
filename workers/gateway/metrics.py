"""``GET /metrics``: the installation in numbers, as Prometheus reads them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import FastAPI, Request
from starlette.responses import Response

from retouch.access_keys import AccessKey, Scope
from retouch.metrics import exposition
from workers.gateway.context import Gateway
from workers.gateway.gate import needs
from workers.gateway.problems import Kind, ProblemError, described
from workers.gateway.veil import told_kinds

_TEXT = {"schema": {"type": "string"}}
_TYPES = {"text/plain": _TEXT, "application/openmetrics-text": _TEXT}


def add_metrics(app: FastAPI, gateway: Gateway) -> None:
    """Add the route."""
    queue = gateway.queue

    @app.get(
        "/metrics",
        tags=["installation"],
        summary="The installation in numbers, for Prometheus",
        response_class=Response,
        responses={
            200: {"description": "The metrics", "content": _TYPES},
            **described(Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.TOO_MANY, Kind.BUG, Kind.AWAY),
        },
    )
    def metrics(request: Request, key: Annotated[AccessKey, needs(Scope.METRICS)]) -> Response:
        if key.prefix:
            detail = f"the numbers are of all batches, and key {key.name} is for those that begin with {key.prefix}"
            raise ProblemError(Kind.NOT_ALLOWED, detail)
        figures = queue.figures()
        told = replace(figures, learned=told_kinds(key, figures.learned))
        text, content_type = exposition(told, request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": content_type})
