"""Whether answers are as the gateway's OpenAPI document says: every test of it looks at each of its answers."""

from __future__ import annotations

import re
from functools import lru_cache
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import fakeredis
import requests
from jsonschema import Draft202012Validator

from config.gateway import GatewaySettings
from retouch.ledger import Ledger
from workers.gateway.app import create
from workers.gateway.context import Gateway

Document = dict[str, Any]

_making = Lock()  # callers of a test may be threads, and pydantic's making of schemas is for one


def document() -> Document:
    """The document, which is the same for all gateways; not to be changed: whoever may, copies it."""
    with _making:
        return _document()


@lru_cache(maxsize=1)
def _document() -> Document:
    gate: Any = create(Gateway(GatewaySettings(bucket="bucket"), Ledger(fakeredis.FakeRedis(decode_responses=True))))
    found: Document = gate._app.openapi()
    return found


def operation(method: str, path: str) -> Document | None:
    """What the document says of a request; None if it knows none such."""
    for template, operations in document()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method.lower() in operations:
            found: Document = operations[method.lower()]
            return found
    return None


def check(response: requests.Response, *, streamed: bool) -> None:
    """The answer's status, type and shape are described; without them a generated client would not know them."""
    method = str(response.request.method)
    described = operation(method, urlsplit(str(response.request.url)).path)
    if described is None:
        return
    status, name = str(response.status_code), f"{method} {response.request.url}"
    assert status in described["responses"], f"{name}: {status} is not described"
    content = described["responses"][status].get("content", {})
    if streamed or not (content or response.content):
        return
    kind = response.headers["content-type"].partition(";")[0]
    assert kind in content, f"{name}: {kind} is not described for {status}"
    if kind.endswith("json"):
        schema = {**content[kind]["schema"], "components": document()["components"]}
        Draft202012Validator(schema).validate(response.json())
