"""What the API's client keeps between its requests, what it takes from the environment, and how long it waits."""

from __future__ import annotations

import asyncio

import pytest

from retouch.errors import AmbiguousError, NotSentError
from retouch.provider.client import Img2ImgApi
from tests.unit.provider.api_provider import EDIT, KEY, Provider

pytestmark = pytest.mark.anyio


async def test_cookies_are_not_kept(provider: Provider) -> None:
    """A provider that sets one meets the next request without it: no session ties edits to each other."""
    api = Img2ImgApi(provider.url.replace("127.0.0.1", "localhost"), KEY)  # jars keep no cookies of bare addresses
    provider.says({"status": "PENDING", "id": "1"}, Set_Cookie="session=1; Path=/")
    for _ in range(2):
        await api.submit(EDIT, "k")
    await api.close()
    assert [request.headers.get("Cookie") for request in provider.asked] == [None, None]


async def test_a_proxy_of_the_environment_is_not_used(
    provider: Provider, api: Img2ImgApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would see the key; nothing listens at the one that is named here."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    provider.says({"status": "PENDING", "id": "1"})
    await api.submit(EDIT, "k")
    assert len(provider.asked) == 1


async def test_the_wait_for_a_connection_is_not_taken_from_the_wait_for_an_answer(provider: Provider) -> None:
    """Waiting for a free connection is twice the connect time; running out of it reads as not sent."""
    api = Img2ImgApi(provider.url, KEY, connect_timeout_s=0.5, timeout_s=0.9, limit=1)  # 0.9 s: shorter than the wait
    provider.fault = "hang"
    first, second = (asyncio.create_task(api.submit(EDIT, key)) for key in "ab")  # at one moment
    with pytest.raises(NotSentError):
        await second
    with pytest.raises(AmbiguousError):
        await first
    await api.close()
