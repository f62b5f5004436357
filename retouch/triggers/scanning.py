"""What lies in a bucket already: objects of which no store has told, or told while nobody listened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from retouch import blocking
from retouch.intake.sizes import RangeStore
from retouch.triggers.notifications import NewObject, read_version
from retouch.triggers.recipe import Recipe

if TYPE_CHECKING:
    from retouch.media.store import Found  # the extra `s3` is optional

_AT_ONCE = 32  # objects that are asked about


class ListedStore(RangeStore, Protocol):
    """The part of ``retouch.media.store.Store`` that tells what is in a bucket."""

    def pages(self, folder: str) -> AsyncIterator[list[Found]]:
        """The objects below a folder, some at a time."""

    async def find(self, key: str) -> Found | None:
        """What lies under a key, with its version."""


def matching(store: ListedStore, recipe: Recipe, folder: str) -> Iterator[list[str]]:
    """The keys below a folder of the recipe's bucket that it takes, up to a thousand at a time."""
    pages = store.pages(folder)
    while (page := blocking.run(_next(pages))) is not None:
        keys = [found.key for found in page if recipe.pattern.match(found.key) is not None]
        if keys:
            yield keys


async def _next(pages: AsyncIterator[list[Found]]) -> list[Found] | None:
    return await anext(pages, None)


def seen(store: ListedStore, bucket: str, keys: Sequence[str]) -> list[NewObject]:
    """These objects as a notification of their newest content tells of them; without those that are gone."""
    return blocking.run(_seen(store, bucket, keys))


async def _seen(store: ListedStore, bucket: str, keys: Sequence[str]) -> list[NewObject]:
    places, objects = asyncio.Semaphore(_AT_ONCE), list[NewObject]()

    async def one(key: str) -> None:
        async with places:
            if found := await store.find(key):
                version = read_version(found.version)
                objects.append(NewObject(bucket, key, version, found.etag, found.size, found.written))

    await blocking.together(map(one, keys))
    return objects
