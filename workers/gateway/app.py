"""The gateway's application: its gate, its faces, and whether it lives."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.types import ASGIApp

from config.gateway import GatewaySettings
from retouch.access_keys import AccessKeys
from retouch.queue import EditQueue
from workers.gateway import problems
from workers.gateway.gate import Gate
from workers.gateway.problems import Kind


@dataclass(frozen=True)
class Gateway:
    """What all routes need."""

    settings: GatewaySettings
    queue: EditQueue
    keys: AccessKeys


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
    )
    problems.install(app)
    _add_health(app, gateway)
    return Gate(app, gateway.keys)


def _add_health(app: FastAPI, gateway: Gateway) -> None:
    @app.get("/healthz", tags=["health"], summary="Whether the gateway lives; asks nobody")
    async def healthz() -> Health:
        return Health(status="alive")

    @app.get(
        "/readyz",
        tags=["health"],
        summary="Whether Redis can be used",
        responses=problems.described(Kind.AWAY, Kind.BUG),
    )
    def readyz() -> Health:
        gateway.queue.check()
        return Health(status="ready")
