"""An endpoint inside the test's own loop, and one that really listens."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import anyio.lowlevel
import httpx
import pytest
from PIL import Image

from retouch.edit import Parameters
from retouch.errors import GoneError
from tests.harness.processes import Process
from tests.harness.web import Web
from workers.endpoint.app import BASE, Options, create
from workers.endpoint.engine import Engine, Progress, Rendered, seeds_of

KEY = "a-secret-key"
PUBLIC_URL = "http://endpoint.test"


def png(size: tuple[int, int] = (32, 32), colour: str = "teal") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def body(**fields: Any) -> dict[str, Any]:
    return {"prompt": "a cat", "init_image": "https://images.test/cat.png", "width": 32, "height": 32, **fields}


@dataclass
class Gate:
    """Stands in for the download: counts, and holds each edit until it is opened."""

    opened: asyncio.Event = field(default_factory=asyncio.Event)
    reads: list[str] = field(default_factory=list)
    working: int = 0
    most: int = 0

    async def read(self, url: str, max_bytes: int) -> bytes:
        self.reads.append(url)
        self.working += 1
        self.most = max(self.most, self.working)
        try:
            await self.opened.wait()
            if "missing" in url:
                raise GoneError(f"{url} answers 404")
            return png()
        finally:
            self.working -= 1


class Copy:
    """An engine that returns what it is given. Tests change what they are about."""

    name = "copy"
    version = "7"
    about = "Returns what it is given."
    places = 16
    facts: Mapping[str, str | bool | int] = {"device": "none", "dtype": "bytes", "version": "7", "exact": True}

    def __init__(self) -> None:
        self.closed = False

    def problems(self, params: Parameters) -> Mapping[str, str]:
        return {}

    async def load(self) -> None:
        pass

    async def warm_up(self) -> None:
        pass

    async def render(self, params: Parameters, init: bytes, progress: Progress) -> Rendered:
        return Rendered([init] * (params.samples or 1), seeds_of(params))

    async def until_broken(self) -> None:
        await asyncio.Event().wait()

    def close(self) -> None:
        self.closed = True


class Caller:
    """Calls an endpoint as a client of the contract would."""

    key = KEY
    public_url = PUBLIC_URL
    base = BASE
    body = staticmethod(body)

    def __init__(self, engine: Engine | None = None, *, starts: bool = True, **options: Any) -> None:
        self.gate = Gate()
        self._starts = starts
        options = {"api_keys": [KEY.encode()], "public_url": PUBLIC_URL, **options}
        self.endpoint = create(Options(**options), self.gate.read, engine or Copy())
        transport = httpx.ASGITransport(self.endpoint.app())
        hooks = {"request": [self._start]}
        self.http = httpx.AsyncClient(
            transport=transport, base_url=PUBLIC_URL, headers={"API-Key": KEY}, event_hooks=hooks
        )
        self.anyone = httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, event_hooks=hooks)

    async def _start(self, _request: httpx.Request) -> None:
        """Start the engine with the first request, as the server does in the background."""
        if self._starts:
            self._starts = False
            await self.endpoint.start()

    async def submit(self, key: str | None = None, **fields: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return await self.http.post(BASE, json=body(**fields), headers=headers)

    async def status(self, job_id: str) -> httpx.Response:
        return await self.http.get(f"{BASE}/status/{job_id}")

    async def outcome(self, job_id: str) -> dict[str, Any]:
        """Open the gate and return the answer that ends the edit."""
        self.gate.opened.set()
        answer: dict[str, Any]
        while (answer := (await self.status(job_id)).json())["status"] == "PENDING":
            await anyio.lowlevel.checkpoint()
        return answer

    async def links(self, **fields: Any) -> list[str]:
        """Run one edit to its end and return the links to its pictures."""
        links: list[str] = (await self.outcome((await self.submit(**fields)).json()["id"]))["download_urls"]
        return links

    async def faults(self, *rules: dict[str, Any]) -> None:
        (await self.http.put("/_faults", json=list(rules))).raise_for_status()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def caller(caller_with: Callable[..., Caller]) -> Caller:
    """An endpoint with default options."""
    return caller_with()


@pytest.fixture
def caller_with(anyio_backend: object) -> Iterator[Callable[..., Caller]]:
    """Makes an endpoint with the options that the test wants; on the journal of another one, in that one's place."""
    with ExitStack() as ends:
        of_journal: dict[Any, Caller] = {}

        def make(engine: Engine | None = None, **options: Any) -> Caller:
            journal = options.get("journal")
            if journal in of_journal:
                of_journal[journal].endpoint.close()
            made = Caller(engine, **options)
            if journal:
                of_journal[journal] = made
            ends.callback(made.endpoint.close)
            return made

        yield make


@pytest.fixture(scope="session")
def picture_url() -> Iterator[str]:
    """Where a real server on loopback serves a picture."""
    picture = png((64, 48), "orange")
    with Web(lambda _request: (200, picture)) as web:
        yield f"{web.url}/cat.png"


Start = Callable[..., tuple[Process, str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start ``python -m workers.endpoint`` with options; returns the process and its URL once it listens."""
    with ExitStack() as ends:

        def begin(*options: str) -> tuple[Process, str]:
            process = ends.enter_context(endpoint_process(*options))
            return process, json.loads(process.out.line())["url"]

        yield begin


def endpoint_process(*options: str) -> Process:
    """The endpoint, with the key and the hosts that these tests use."""
    env = os.environ | {"RETOUCH_API_KEY": KEY, "RETOUCH_PRIVATE_HOSTS": "127.0.0.1"}
    return Process([sys.executable, "-m", "workers.endpoint", *options], env=env)


@pytest.fixture(scope="session")
def listening() -> Iterator[str]:
    """The URL of one endpoint that really listens, shared by the tests of connections."""
    with endpoint_process() as process:
        yield json.loads(process.out.line())["url"]
