"""What all tests of fetching start from."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from retouch.media.fetch import Fetcher
from retouch.net.addresses import PrivateHosts
from tests.harness.waiting import LIMIT_S
from tests.unit.media.fetch_host import Host, running


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}  # as in a worker


@pytest.fixture
async def host(anyio_backend: object) -> AsyncIterator[Host]:
    async with running() as one:
        yield one


@pytest.fixture
async def other(anyio_backend: object) -> AsyncIterator[Host]:
    async with running() as one:
        yield one


@pytest.fixture
async def fetcher(host: Host) -> AsyncIterator[Fetcher]:
    """A fetcher that may call ``host`` and no other private address."""
    one = Fetcher(PrivateHosts([f"127.0.0.1:{host.server.port}"]), read_timeout_s=LIMIT_S)
    yield one
    await one.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """What names resolve to: a list of addresses for each lookup in turn, the last one for ever."""
    table: dict[str, list[list[str]]] = {}

    async def resolve(_self: object, host: str, port: int = 0, family: int = socket.AF_INET) -> list[dict[str, object]]:
        answers = table[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            {"hostname": host, "host": address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for address in addresses
        ]

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    return table
