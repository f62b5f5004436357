"""Copies one result: from the API's link, checked, to S3."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import NamedTuple

from retouch.errors import BrokenResultError, UnreachableResultError
from retouch.media import codings
from retouch.media.blank import look
from retouch.media.fetch import Fetcher, Response, content_length
from retouch.media.images import MAX_BYTES, Walk
from retouch.media.store import Store
from retouch.net.redaction import without_query
from retouch.output import Output

__all__ = ["Output", "copy"]

AT_ONCE_BYTES = 1024 * 1024  # up to this an image is held in memory, and written in one request


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
    body = await _read(response)
    image = _Arriving(body.head)
    key = f"{key_stem}.{image.kind.extension}"
    if body.rest is None:
        info = image.info()
        blank = await look(info, body.head)
        await store.put(key, body.head, info.content_type)
    else:
        async with large:
            deadline = timeout.when()
            timeout.reschedule(None)  # a cancelled upload would leave its parts; the stream has its own timeout
            await store.put_stream(key, image.chunks(body.rest, deadline), image.kind.content_type)
            info = image.info()
            blank = await look(info)
    return Output(store.uri(key), image.sha256, image.length, info.width, info.height, info.content_type, blank)


class _Body(NamedTuple):
    """The beginning of a body, and what follows it; None: the beginning is all of it."""

    head: bytes
    rest: AsyncIterator[bytes] | None

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.head
        if self.rest is not None:
            async for chunk in self.rest:
                yield chunk


async def _read(response: Response) -> _Body:
    """Read the beginning, or all of a usual image, with its content codings undone."""
    length = content_length(response, MAX_BYTES)
    if length is not None and length <= AT_ONCE_BYTES:
        body = _Body(await response.read(), None)
    else:
        body = await _begun(_received(response))
    if named := response.headers.getall("Content-Encoding", ()):
        for decoder in codings.decoders(named, body.head):
            body = await _begun(codings.undone(decoder, body.chunks()))
    return body


async def _begun(chunks: AsyncIterator[bytes]) -> _Body:
    head = bytearray()
    async for chunk in chunks:
        head += chunk
        if len(head) >= AT_ONCE_BYTES:
            return _Body(bytes(head), chunks)
    return _Body(bytes(head), None)


async def _received(response: Response) -> AsyncIterator[bytes]:
    length = 0
    async for chunk in response.content.iter_any():
        length += len(chunk)
        if length > MAX_BYTES:
            raise BrokenResultError(f"the result is larger than {MAX_BYTES} bytes")
        yield chunk


class _Arriving:
    """What is known of an image while its bytes arrive."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._walk = Walk(head)
        self._sha256 = hashlib.sha256(head)
        self.kind = self._walk.kind
        self.info = self._walk.end

    @property
    def length(self) -> int:
        return self._walk.length

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    async def chunks(self, rest: AsyncIterator[bytes], deadline: float | None) -> AsyncIterator[bytes]:
        """Yield the whole image; raises BrokenResultError at the end if it is none: no object then.

        Raises TimeoutError at ``deadline`` (the loop's time), which stops the upload cleanly as well.
        """
        chunk: bytes | None = self._head
        while chunk is not None:
            yield chunk
            async with asyncio.timeout_at(deadline):
                chunk = await anext(rest, None)
            if chunk is not None:
                self._walk.take(chunk)
                self._sha256.update(chunk)
        self.info()
