"""Fetches the pictures that a sheet shows, as small copies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial

from retouch.advice.edit import failure_text
from retouch.cli.terminal import printable
from retouch.edit_result import Result
from retouch.errors import InputError, LostObjectError, ResultError
from retouch.media.downloads import ImageSource
from retouch.media.images import MAX_BYTES
from retouch.media.sheets import THUMB, Place
from retouch.media.thumbnails import thumbnail
from retouch.net.addresses import PrivateHosts
from retouch.output import Output

AT_ONCE = 8  # pictures that are fetched and made small at a time
REMEMBERED = 100  # pictures of before: variations share theirs


class Pictures:
    """Small copies of pictures, or notes that say why there is none. For one event loop.

    ``images``: where those in S3 are read from.

    Raises StoreError if S3 cannot be used at all.
    """

    def __init__(self, images: ImageSource, private_hosts: PrivateHosts) -> None:
        self._images = images
        self._private_hosts = private_hosts
        self._places = asyncio.Semaphore(AT_ONCE)
        self._before: dict[str, asyncio.Task[Place]] = {}

    async def before(self, result: Result) -> Place:
        """The picture that was edited."""
        name = result.uploaded_as or result.init_image
        if name is None:
            return Place(None, "what was edited is not known")
        if name not in self._before:
            if len(self._before) >= REMEMBERED:
                self._before.pop(next(iter(self._before)))
            in_s3 = name.startswith("s3://")
            read = partial(self._input, result.custom_id, name) if in_s3 else partial(self._linked, name)
            self._before[name] = asyncio.create_task(self._place(read))
        return await self._before[name]

    async def after(self, result: Result, output: Output | None) -> Place:
        """An image of a result; the reason if it has none."""
        if output is None:
            return Place(None, printable(failure_text(result, f"it was {result.state.value}")))
        return await self._place(partial(_whole, output.uri, self._images.chunks(output.uri)))

    async def _place(self, read: Callable[[], Coroutine[None, None, bytes]]) -> Place:
        async with self._places:
            try:
                return Place(await asyncio.to_thread(thumbnail, await read(), THUMB))
            except (InputError, LostObjectError, ResultError) as error:
                return Place(None, printable(str(error)))

    async def _input(self, custom_id: str, uri: str) -> bytes:
        return await _whole(uri, self._images.input(custom_id, uri))

    async def _linked(self, url: str) -> bytes:
        try:
            from retouch.media.fetch import Fetcher  # noqa: PLC0415 - the extra `worker` is optional
        except ImportError:
            raise InputError(f"{url}: links are followed where aiohttp is installed") from None
        fetcher = Fetcher(self._private_hosts)
        try:
            return await fetcher.read(url, MAX_BYTES)
        finally:
            await fetcher.close()


async def _whole(uri: str, chunks: AsyncIterator[memoryview]) -> bytes:
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > MAX_BYTES:
            raise InputError(f"{uri} is larger than {MAX_BYTES} bytes")
    return bytes(data)
