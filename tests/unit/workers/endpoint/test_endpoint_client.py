"""What Retouch's own client reads of the endpoint's answers: both sides have one contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from retouch.edit import Parameters
from retouch.errors import RefusedError, ThrottledError, UnavailableError
from retouch.net.addresses import PrivateHosts
from retouch.provider.answers import Answer, Status
from retouch.provider.client import Img2ImgApi
from tests.unit.workers.endpoint.conftest import KEY, Copy
from workers.endpoint.app import BASE, Options
from workers.endpoint.engine import EngineFullError, Progress, Rendered, seeds_of
from workers.endpoint.server import address_of, listen, serve

pytestmark = pytest.mark.anyio


class Slow(Copy):
    """An engine with one model that loads, renders and is full as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded = asyncio.Event()
        self.rendered = asyncio.Event()
        self.full_s = 0.0
        self.asked = asyncio.Event()

    def problems(self, params: Parameters) -> Mapping[str, str]:
        return {"refiner": "this engine has no refiner"} if params.refiner else {}

    async def load(self) -> None:
        await self.loaded.wait()

    async def render(self, params: Parameters, init: bytes, progress: Progress) -> Rendered:
        self.asked.set()
        if self.full_s:
            raise EngineFullError(self.full_s)
        progress(12, 30)
        await self.rendered.wait()
        return Rendered([init] * 2, seeds_of(params), [False, True])


@pytest.fixture
def engine(anyio_backend: object) -> Slow:
    return Slow()


@asynccontextmanager
async def served(engine: Slow) -> AsyncIterator[Img2ImgApi]:
    """A client of a server that runs in this loop."""
    with listen("127.0.0.1", 0) as sock:
        sock.listen()  # the first request may come before the server has started
        options = Options(api_keys=[KEY.encode()], public_url=address_of(sock))
        server = asyncio.create_task(serve(sock, options, PrivateHosts.parse("127.0.0.1"), engine))
        api = Img2ImgApi(address_of(sock) + BASE, KEY)
        try:
            yield api
        finally:
            await api.close()
            server.cancel()
            with suppress(asyncio.CancelledError):
                await server


def edit(picture_url: str, **fields: Any) -> dict[str, Any]:
    return {"prompt": "a cat", "init_image": picture_url, "samples": 2, "seed": 2**32 - 1, **fields}


async def taken(api: Img2ImgApi, payload: dict[str, Any]) -> str:
    """Submit until the engine has loaded; returns the edit's id."""
    while True:
        with suppress(UnavailableError):
            provider_id = (await api.submit(payload, "key")).provider_id
            assert provider_id
            return provider_id


async def answer_of(api: Img2ImgApi, provider_id: str, status: Status) -> Answer:
    while (answer := await api.status(provider_id)).status is not status:
        pass  # each time it asks again
    return answer


async def test_an_edit_from_its_progress_to_its_seed(engine: Slow, picture_url: str) -> None:
    """The step while it runs; then the first seed, and which picture was filtered."""
    engine.loaded.set()
    async with asyncio.timeout(30), served(engine) as api:
        provider_id = await taken(api, edit(picture_url))
        await engine.asked.wait()
        assert (await api.status(provider_id)).progress == (12, 30)
        engine.rendered.set()
        answer = await answer_of(api, provider_id, Status.SUCCESS)
    assert (answer.seed, answer.filtered, answer.progress) == (2**32 - 1, (False, True), None)
    assert len(answer.urls) == 2


async def test_a_loading_engine_is_an_outage_with_its_end_in_sight(engine: Slow, picture_url: str) -> None:
    """Nothing was taken, and the client is told when to come back."""
    async with asyncio.timeout(30), served(engine) as api:
        with pytest.raises(UnavailableError, match="the engine is loading") as refused:
            await api.submit(edit(picture_url), "key")
    assert refused.value.retry_after_s == 2


async def test_a_full_engine_throttles(engine: Slow, picture_url: str) -> None:
    """For as long as it says; what it has taken waits."""
    engine.loaded.set()
    engine.full_s = 6.5
    async with asyncio.timeout(30), served(engine) as api:
        provider_id = await taken(api, edit(picture_url))
        await engine.asked.wait()
        with pytest.raises(ThrottledError, match="the engine is full") as refused:
            await api.submit(edit(picture_url), "another key")
        assert (await api.status(provider_id)).status is Status.RUNNING
    assert refused.value.retry_after_s == 7


async def test_what_the_engine_cannot_do_is_the_edits_own_fault(engine: Slow, picture_url: str) -> None:
    """In the engine's words, so that it fails at once and no other edit waits for it."""
    engine.loaded.set()
    async with asyncio.timeout(30), served(engine) as api:
        with pytest.raises(RefusedError, match="this engine has no refiner") as refused:
            await api.submit(edit(picture_url, refiner=True), "key")
    assert refused.value.definite
