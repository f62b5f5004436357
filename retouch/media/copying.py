"""Copies one result: from the API's link, checked, to S3."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

from retouch.edit_result import Output
from retouch.errors import BrokenResultError, UnreachableResultError
from retouch.media.fetch import Fetcher, Response, content_length
from retouch.media.images import HEAD_BYTES, MAX_BYTES, TAIL_BYTES, ImageInfo, check_whole, inspect
from retouch.media.store import Store
from retouch.net.redaction import without_query

__all__ = ["Output", "copy"]


async def copy(fetcher: Fetcher, store: Store, url: str, key_stem: str, *, timeout_s: float = 120.0) -> Output:
    """Fetch the image at ``url`` and put it under ``key_stem`` with the extension that its bytes call for.

    When this returns, the whole, checked image is in S3; when it raises, nothing is: an image is checked before
    its object exists. Doing it twice writes the same object twice. Raises ResultError, StoreError.
    """
    try:
        async with asyncio.timeout(timeout_s) as timeout, fetcher.get(url) as response:
            return await _copy(response, timeout, fetcher.large, store, key_stem)
    except TimeoutError:
        raise UnreachableResultError(f"copying {without_query(url)} took more than {timeout_s:g} s") from None


async def _copy(
    response: Response, timeout: asyncio.Timeout, large: asyncio.Semaphore, store: Store, key_stem: str
) -> Output:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise BrokenResultError("the result is compressed, although compression was not requested")
    head, complete = await _read_head(response)
    info = inspect(head)
    key = f"{key_stem}.{info.extension}"
    image = _Arriving(info, head)
    if complete:
        image.check_end()
        await store.put(key, head, info.content_type)
    else:
        async with large:
            deadline = timeout.when()
            timeout.reschedule(None)  # a cancelled upload would leave its parts; the stream has its own timeout
            await store.put_stream(key, image.chunks(response, deadline), info.content_type)
    return Output(store.uri(key), image.sha256, image.length, info.width, info.height, info.content_type)


async def _read_head(response: Response) -> tuple[bytes, bool]:
    """Read the beginning, or all of a usual image; tell whether it was all."""
    length = content_length(response, MAX_BYTES)
    if length is not None and length <= HEAD_BYTES:
        return await response.read(), True
    head = bytearray()
    while len(head) < HEAD_BYTES:
        chunk = await response.content.readany()
        if not chunk:
            return bytes(head), True
        head += chunk
    return bytes(head), False


class _Arriving:
    """What is known of an image while its bytes arrive."""

    def __init__(self, info: ImageInfo, head: bytes) -> None:
        self._info = info
        self._head = head
        self._tail = head[-TAIL_BYTES:]
        self._sha256 = hashlib.sha256(head)
        self.length = len(head)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    async def chunks(self, response: Response, deadline: float | None) -> AsyncIterator[bytes]:
        """Yield the whole image; raises BrokenResultError at the end if it is none: no object then.

        Raises TimeoutError at ``deadline`` (the loop's time), which stops the upload cleanly as well.
        """
        chunk = self._head
        while chunk:
            yield chunk
            async with asyncio.timeout_at(deadline):
                chunk = await response.content.readany()
            self._take(chunk)
        self.check_end()

    def check_end(self) -> None:
        check_whole(self._info, self._head, self._tail, self.length)

    def _take(self, chunk: bytes) -> None:
        self.length += len(chunk)
        if self.length > MAX_BYTES:
            raise BrokenResultError(f"the result is larger than {MAX_BYTES} bytes")
        self._sha256.update(chunk)
        self._tail = (self._tail + chunk)[-TAIL_BYTES:]
