"""What all tests of the API's client start from."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from retouch.provider.client import Img2ImgApi
from tests.unit.provider.api_provider import KEY, Provider


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}  # as in a worker


@pytest.fixture
async def provider(anyio_backend: object) -> AsyncIterator[Provider]:
    one = Provider()
    await one.server.start_server()
    yield one
    one.done.set()
    await one.server.close()


@pytest.fixture
async def api(provider: Provider) -> AsyncIterator[Img2ImgApi]:
    one = Img2ImgApi(provider.url, KEY)
    yield one
    await one.close()
