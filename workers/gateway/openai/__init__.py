"""The face of OpenAI's Files and Batches, under ``/openai/v1``: for their clients, by another base URL."""

from __future__ import annotations

from fastapi import FastAPI

from workers.gateway.context import Gateway
from workers.gateway.openai.batches import add_batches
from workers.gateway.openai.files import add_files
from workers.gateway.openai.shapes import OpenAIError

SHAPES = (OpenAIError,)


def add_openai(app: FastAPI, gateway: Gateway) -> None:
    """Add all its routes."""
    add_files(app, gateway)
    add_batches(app, gateway)
