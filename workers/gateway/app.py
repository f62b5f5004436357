"""The gateway's application: its gate, its faces, and whether it lives."""

from __future__ import annotations

from fastapi import Depends, FastAPI
from pydantic import BaseModel
from starlette.types import ASGIApp

from workers.gateway import openapi, problems
from workers.gateway.body import SmallBodyRoute
from workers.gateway.context import Gateway
from workers.gateway.gate import Gate
from workers.gateway.metrics import add_metrics
from workers.gateway.native import SHAPES, add_intake, add_native
from workers.gateway.native.query import only_known
from workers.gateway.openai import SHAPES as OPENAI_SHAPES
from workers.gateway.openai import add_openai
from workers.gateway.page import add_page
from workers.gateway.problems import Kind


class Health(BaseModel):
    """How the gateway is."""

    status: str


def create(gateway: Gateway) -> ASGIApp:
    """The application."""
    app = FastAPI(
        title="Retouch gateway",
        version="1",
        description="Image edits by the thousand: send batches, follow them, read their results.",
        docs_url=None,  # it would load scripts of another host
        redoc_url=None,
        dependencies=[Depends(only_known)],
        redirect_slashes=False,  # to http://, behind a proxy with TLS: whoever follows sends the key for all to read
    )
    app.router.route_class = SmallBodyRoute
    problems.install(app)
    _add_health(app, gateway)
    add_metrics(app, gateway)
    add_native(app, gateway)
    if not gateway.own_visits:
        add_intake(app, gateway)
        add_openai(app, gateway)
    add_page(app, gateway)
    openapi.complete(app, *SHAPES, *OPENAI_SHAPES)
    return Gate(app, gateway.keys, gateway.visits, gateway.now)


def _add_health(app: FastAPI, gateway: Gateway) -> None:
    @app.get("/healthz", tags=["health"], summary="Whether the gateway lives; asks nobody")
    async def healthz() -> Health:
        return Health(status="alive")

    unready = problems.described(Kind.AWAY, Kind.BUG)

    @app.get("/readyz", tags=["health"], summary="Whether Redis can be used", responses=unready)
    def readyz() -> Health:
        gateway.queue.check()
        return Health(status="ready")
