"""A gateway on a fake Redis, which really listens, and callers with keys."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
import uvicorn

from config.gateway import GatewaySettings
from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import Ledger
from tests.harness.waiting import LIMIT_S, until
from tests.unit.workers.gateway.conformance import check
from workers.gateway.app import create
from workers.gateway.context import Gateway
from workers.gateway.server import configured
from workers.serving import address_of, listen

EVERYTHING = tuple(Scope)


class Caller(requests.Session):
    """A session that knows the gateway's address, and has a key if ``token`` is one."""

    def __init__(self, url: str, token: str = "") -> None:
        super().__init__()
        self.trust_env = False
        self.url = url
        self.token = token
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: Any, url: Any, *args: Any, **more: Any) -> requests.Response:
        """Send a request to a path; the answer is as the OpenAPI document says."""
        answer = super().request(method, f"{self.url}{url}", *args, **{"timeout": LIMIT_S, **more})
        check(answer, streamed=bool(more.get("stream")))
        return answer


Client = Callable[..., Caller]


@contextmanager
def serving(gateway: Gateway) -> Iterator[str]:
    """Serve it on a thread; gives its URL."""
    sock = listen("127.0.0.1", 0)
    server = uvicorn.Server(configured(create(gateway), lifespan="on"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[sock])))
    thread.start()
    try:
        until(lambda: server.started, "the gateway listens")
        yield address_of(sock)
    finally:
        gateway.end_streams()
        server.should_exit = server.force_exit = True
        thread.join(LIMIT_S)
        sock.close()


@pytest.fixture
def settings() -> GatewaySettings:
    """Those of a gateway, with small bounds."""
    return GatewaySettings(bucket="bucket", prefix="edits/", gateway_max_body=1)


@pytest.fixture
def keys(ledger: Ledger) -> AccessKeys:
    """The keys of the gateway."""
    return AccessKeys(ledger, "here")


@pytest.fixture
def gateway(ledger: Ledger, settings: GatewaySettings) -> Gateway:
    """What its routes stand on."""
    return Gateway(settings, ledger)


@pytest.fixture
def anyone(gateway: Gateway) -> Iterator[Caller]:
    """A caller without a key."""
    with serving(gateway) as url, Caller(url) as caller:
        yield caller


@pytest.fixture
def client(anyone: Caller, keys: AccessKeys) -> Client:
    """Make callers, each with a key of its own: ``client(Scope.READ, prefix="a-")``; by default it may do all."""

    def make(*scopes: Scope, name: str = "caller", **limits: Any) -> Caller:
        return Caller(anyone.url, keys.create(name, scopes or EVERYTHING, **limits))

    return make


def owner(keys: AccessKeys, name: str = "caller") -> str:
    """Under which its uploads are kept."""
    return next(key.owner for key in keys.all() if key.name == name)


def problem(response: requests.Response) -> dict[str, Any]:
    """The problem that an answer is; each is one by RFC 9457."""
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert found["status"] == response.status_code
    assert found["type"].startswith("urn:retouch:problem:")
    assert found["instance"] == f"urn:retouch:request:{response.headers['x-request-id']}"
    assert found["title"]
    assert found["detail"]
    return found
