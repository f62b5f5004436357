"""The native face, under ``/v1``: what the commands do, over HTTP."""

from __future__ import annotations

from fastapi import FastAPI

from workers.gateway.context import Gateway
from workers.gateway.native.submit import Edits, add_submit

SHAPES = (Edits,)  # of bodies that FastAPI does not read


def add_native(app: FastAPI, gateway: Gateway) -> None:
    """Add all its routes."""
    add_submit(app, gateway)
