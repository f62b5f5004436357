"""Removes what a batch has in S3."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from retouch import object_keys
from retouch.edit_result import Result
from retouch.errors import InputError
from retouch.output import Output


class Removed(NamedTuple):
    """How many edits are gone from Redis, and how many objects from S3."""

    edits: int
    objects: int


class Stored(Protocol):
    """An object."""

    @property
    def key(self) -> str:
        """Its key."""


class Removable(Protocol):
    """The part of ``retouch.media.store.Store`` that is needed."""

    def pages(self, folder: str) -> AsyncIterator[Sequence[Stored]]:
        """The objects of a folder, page by page."""

    async def delete(self, key: str) -> None:
        """Remove an object."""

    async def delete_all(self, keys: Sequence[str]) -> None:
        """Remove a page of objects."""


def check_place(output: Output, folder: str) -> None:
    """Raise InputError unless an image is below ``folder``: else the objects of another batch would be removed."""
    if not output.uri.startswith(folder):
        raise InputError(
            f"{output.uri} is not below {folder}: RETOUCH_BUCKET and RETOUCH_PREFIX are not those that the batch was"
            " made with"
        )


def check_places(results: Iterable[Result], folder: str) -> None:
    """The same of all images of a batch."""
    for result in results:
        for output in result.outputs:
            check_place(output, folder)


async def remove_objects(
    store: Removable, prefix: str, batch: str, on_removed: Callable[[int], None] = lambda _number: None
) -> int:
    """Delete page by page, ``_SUCCESS`` first: what is no more whole is not taken for a complete batch.

    ``on_removed`` is called with how many are gone; returns that. Raises StoreError.
    """
    done = 0
    await store.delete(object_keys.success(prefix, batch))
    async for page in store.pages(object_keys.batch_folder(prefix, batch)):
        await store.delete_all([found.key for found in page])
        done += len(page)
        on_removed(done)
    return done
