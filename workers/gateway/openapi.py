"""The gateway's OpenAPI document: what FastAPI knows, and what the gate and the problems add."""

from __future__ import annotations

from threading import Lock
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from workers.gateway.gate import OPEN
from workers.gateway.problems import Problem

_SECURITY = {"key": {"type": "http", "scheme": "bearer", "description": "A key that `retouch keys create` made."}}
_REFERENCE = "#/components/schemas/{model}"


def complete(app: FastAPI, *models: type[BaseModel]) -> None:
    """Have the app's document name the key that each path needs, and the shapes of problems and of raw bodies."""
    make, making = app.openapi, Lock()

    def openapi() -> dict[str, Any]:
        with making:  # of two threads at once Python 3.11's parser, which reads docstrings for it, fails one
            return made()

    def made() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = make()
            components = document.setdefault("components", {})
            shapes = [(model, "validation") for model in (Problem, *models)]
            found = models_json_schema(shapes, ref_template=_REFERENCE)[1]  # type: ignore[arg-type] # of literals
            components.setdefault("schemas", {}).update(found["$defs"])
            components["securitySchemes"] = _SECURITY
            for path, operations in document["paths"].items():
                for operation in operations.values():
                    operation["security"] = [] if path in OPEN else [{"key": []}]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # as FastAPI's own documentation has it
