"""The page: what people see of Retouch in a browser. Its files need no build; what it shows comes from ``/v1``."""

from __future__ import annotations

from fastapi import FastAPI

from workers.gateway.context import Gateway
from workers.gateway.page.frame import add_frame
from workers.gateway.page.live import add_live
from workers.gateway.page.session import add_session


def add_page(app: FastAPI, gateway: Gateway) -> None:
    """Add all its routes."""
    add_frame(app, gateway.settings.bucket)
    add_session(app, gateway.visits)
    add_live(app, gateway)
