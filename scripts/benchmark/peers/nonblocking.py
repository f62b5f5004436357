"""An edit's calls with ``aiohttp`` and ``aiobotocore``, for the peers that run on an event loop."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Self

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

CONCURRENCY = 96  # jobs at once in a worker, as many as the floor has
TIMEOUT_S = 60


class Calls:
    """A worker's connections; ``open`` when it starts, ``close`` when it ends."""

    def __init__(self, stack: AsyncExitStack, api: aiohttp.ClientSession, downloads: aiohttp.ClientSession, s3: Any):
        self._stack = stack
        self._api = api
        self._downloads = downloads  # has no key
        self._s3 = s3

    @classmethod
    async def open(cls) -> Self:
        """Connect; in the loop that will make the calls."""
        stack = AsyncExitStack()
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        headers = {"API-Key": os.environ["RETOUCH_API_KEY"]}
        api = await stack.enter_async_context(aiohttp.ClientSession(headers=headers, timeout=timeout))
        downloads = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        config = AioConfig(max_pool_connections=CONCURRENCY)
        s3 = await stack.enter_async_context(get_session().create_client("s3", config=config))
        return cls(stack, api, downloads, s3)

    async def close(self) -> None:
        """Close all connections."""
        await self._stack.aclose()

    async def submit(self, edit: dict[str, Any]) -> str:
        """Send an edit; returns the provider's id."""
        async with self._api.post(os.environ["RETOUCH_API_URL"], json=edit) as response:
            response.raise_for_status()
            provider_id: str = (await response.json())["id"]
            return provider_id

    async def links(self, provider_id: str) -> list[str] | None:
        """Where the results are; None while the edit runs. Raises RuntimeError if it failed."""
        async with self._api.get(f"{os.environ['RETOUCH_API_URL']}/status/{provider_id}") as response:
            response.raise_for_status()
            answer = await response.json()
        if answer["status"] == "PENDING":
            return None
        if answer["status"] != "SUCCESS":
            raise RuntimeError(f"the API failed: {answer}")
        return list(answer["download_urls"])

    async def keep(self, found: Sequence[str], key: str) -> None:
        """Put the results into S3."""
        for number, link in enumerate(found):
            async with self._downloads.get(link) as response:
                response.raise_for_status()
                image = await response.read()
            await self._s3.put_object(
                Bucket=os.environ["RETOUCH_BUCKET"], Key=f"{key}/{number}.png", Body=image, ContentType="image/png"
            )
