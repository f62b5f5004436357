"""Small copies of pictures: each made once, when it is first asked for, and kept while there is room."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from weakref import WeakValueDictionary

from retouch import blocking
from retouch.errors import GoneError, LostObjectError, ResultError, UnreachableResultError
from retouch.media.downloads import Buckets
from retouch.media.fetch import Fetcher
from retouch.media.images import MAX_BYTES
from retouch.media.stores import kept_store
from retouch.media.thumbnails import preview
from retouch.net.addresses import PrivateHosts
from workers.gateway.problems import Kind, ProblemError
from workers.gateway.threads import Threads

ROOM = 64_000_000  # bytes: some 10,000 of 160 pixels
S3_AT_ONCE, LINKS_AT_ONCE = 4, 8  # pictures that are read, or followed, at a time, until their copies are made
LINKS_OF_ONE = 2  # of these for one owner: who has links to hosts that never answer holds up no others
MADE_AT_ONCE = 2  # that are decoded
LINK_S = 20.0  # until a host that somebody else has chosen has sent a picture


class Source(NamedTuple):
    """Where a picture is: an object in S3, or a link. ``sha256``: what it must be; empty: whatever is there."""

    uri: str
    sha256: str = ""

    @property
    def name(self) -> str:
        """Under which its copies are kept."""
        return self.sha256 or self.uri


class Thumbnail(NamedTuple):
    """A JPEG. ``tag``: of the picture that it is made of, and its size."""

    jpeg: bytes
    tag: str


def tag_of(sha256: str, side: int) -> str:
    """The ETag of a copy."""
    return f'"{sha256[:32]}-{side}"'


class Thumbnails:
    """Makes them off the event loop, for all who ask; of one loop.

    ``private_hosts``: that links may lead to although they are not public.
    """

    def __init__(self, private_hosts: PrivateHosts, *, room: int = ROOM) -> None:
        self._private_hosts = private_hosts
        self._room = room
        self._used = 0
        self._kept: OrderedDict[tuple[str, int], Thumbnail] = OrderedDict()
        self._making: dict[tuple[str, int], asyncio.Task[Thumbnail]] = {}
        self._s3, self._links, self._made = Threads(S3_AT_ONCE), Threads(LINKS_AT_ONCE), Threads(MADE_AT_ONCE)
        # Held until the copy is made: pictures that are read sooner than they are decoded would fill the memory.
        self._s3_places, self._link_places = asyncio.Semaphore(S3_AT_ONCE), asyncio.Semaphore(LINKS_AT_ONCE)
        self._links_of = WeakValueDictionary[str, asyncio.Semaphore]()  # by owner

    async def get(self, source: Source, side: int, owner: str = "") -> Thumbnail:
        """A copy that fits into a square of ``side`` pixels; raises ProblemError, and StoreError if S3 is away.

        ``owner``: of the key that asks, whose links wait for each other.
        """
        key = source.name, side
        if kept := self._kept.get(key):
            self._kept.move_to_end(key)
            return kept
        if key not in self._making:
            task = self._making[key] = asyncio.create_task(self._make(source, side, owner))
            task.add_done_callback(lambda done: (self._making.pop(key), done.cancelled() or done.exception()))
        return await asyncio.shield(self._making[key])  # whoever goes leaves it to the others

    async def _make(self, source: Source, side: int, owner: str) -> Thumbnail:
        try:
            async with self._place(source.uri, owner):
                data = await self._read(source.uri)
                made = await self._made.run(_made, source, data, side)
        except (LostObjectError, GoneError) as error:
            raise ProblemError(Kind.NOT_FOUND, f"the picture is gone: {error}") from None
        except UnreachableResultError as error:
            raise ProblemError(Kind.AWAY, f"the picture cannot be had now: {error}") from None
        except ResultError as error:
            raise ProblemError(Kind.NOT_FOUND, f"the picture cannot be shown: {error}") from None
        self._keep((source.name, side), made)
        return made

    @asynccontextmanager
    async def _place(self, uri: str, owner: str) -> AsyncIterator[None]:
        if uri.startswith("s3://"):
            async with self._s3_places:
                yield
            return
        own = self._links_of.setdefault(owner, asyncio.Semaphore(LINKS_OF_ONE))
        async with own, self._link_places:
            yield

    async def _read(self, uri: str) -> bytes:
        if uri.startswith("s3://"):
            return await self._s3.run(blocking.run, _whole(uri, Buckets(kept_store).chunks(uri)))
        return await self._links.run(blocking.run, self._followed(uri))

    async def _followed(self, url: str) -> bytes:
        fetcher = Fetcher(self._private_hosts)
        try:
            async with asyncio.timeout(LINK_S):
                return await fetcher.read(url, MAX_BYTES)
        except TimeoutError:
            raise UnreachableResultError(f"its host has not sent it within {LINK_S:g} s") from None
        finally:
            await fetcher.close()

    def _keep(self, key: tuple[str, int], made: Thumbnail) -> None:
        self._kept[key] = made
        self._used += len(made.jpeg)
        while self._used > self._room:
            _, gone = self._kept.popitem(last=False)
            self._used -= len(gone.jpeg)


def _made(source: Source, data: bytes, side: int) -> Thumbnail:
    sha256 = hashlib.sha256(data).hexdigest()
    if source.sha256 not in ("", sha256):
        raise LostObjectError(f"{source.uri} is not the image that was stored there: its sha256 differs")
    return Thumbnail(preview(data, side), tag_of(sha256, side))


async def _whole(uri: str, chunks: AsyncIterator[memoryview]) -> bytes:
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > MAX_BYTES:
            raise LostObjectError(f"{uri} is larger than {MAX_BYTES:,} bytes")
    return bytes(data)
