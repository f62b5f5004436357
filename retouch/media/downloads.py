"""Images from S3 to files: whole and checked, or not there at all."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from retouch.bucket_names import is_bucket
from retouch.errors import InputError, LostObjectError
from retouch.output import Output

PARTIAL = ".part"  # the end of the name of a file that is not whole yet


class ObjectSource(Protocol):
    """The part of ``retouch.media.store.Store`` that a download needs."""

    def chunks(self, key: str) -> AsyncIterator[memoryview]:
        """Read one object."""


class ImageSource(Protocol):
    """Where images are read from."""

    def chunks(self, uri: str) -> AsyncIterator[memoryview]:
        """Read the object at ``s3://bucket/key``; raises StoreErrors, and InputError if that is not one."""

    def input(self, custom_id: str, uri: str) -> AsyncIterator[memoryview]:
        """Read the picture in S3 that an edit was made of; raises as ``chunks``."""


class Buckets:
    """One store for each bucket that images lie in; ``open_store`` makes the store of a bucket by its name."""

    def __init__(self, open_store: Callable[[str], ObjectSource]) -> None:
        self._open_store = open_store
        self._stores: dict[str, ObjectSource] = {}

    def chunks(self, uri: str) -> AsyncIterator[memoryview]:
        """Read the object at ``s3://bucket/key``; raises InputError if that is not one."""
        bucket, key = located(uri)
        if bucket not in self._stores:
            self._stores[bucket] = self._open_store(bucket)
        return self._stores[bucket].chunks(key)

    def input(self, _custom_id: str, uri: str) -> AsyncIterator[memoryview]:
        """Read the picture that an edit was made of, which is at ``uri``."""
        return self.chunks(uri)


def located(uri: str) -> tuple[str, str]:
    """The bucket and the key of ``s3://bucket/key``; raises InputError if ``uri`` is none."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not is_bucket(bucket) or not key:
        raise InputError(f"{uri[:200]!r} is not s3://bucket/key")
    return bucket, key


async def download(images: ImageSource, output: Output, path: Path) -> bool:
    """Put an image into the file ``path``, whose folders are made; returns False if it was there already.

    The file appears whole and checked, or not at all: it is written under another name (``.part``) first. Raises
    LostObjectError if the object is gone or differs, other StoreErrors, and InputError if the file cannot be written.
    """
    try:
        if not await asyncio.to_thread(_needed, path, output):
            return False
        part = _Part(path, output)  # not in a thread: one that is cancelled would leave its file to nobody
        try:
            newest = memoryview(b"")
            async for chunk in images.chunks(output.uri):
                if newest:
                    await asyncio.to_thread(part.take, newest)
                newest = chunk
            await asyncio.to_thread(part.finish, newest)
        except BaseException:
            part.discard()
            raise
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None
    return True


async def read(images: ImageSource, output: Output) -> bytearray:
    """An image, whole and checked, which is held in memory once; raises StoreErrors, as ``download``."""
    data = bytearray()
    async for chunk in images.chunks(output.uri):
        data += chunk
        if len(data) > output.bytes:
            break
    if len(data) != output.bytes or hashlib.sha256(data).hexdigest() != output.sha256:
        raise _differs(output)
    return data


def _needed(path: Path, output: Output) -> bool:
    """Whether the image is not there yet; then its folder is made."""
    if is_whole(path, output):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    return True


class _Part:
    """An image on its way into a file: written beside it, and put in its place when it is whole. Blocks."""

    def __init__(self, path: Path, output: Output) -> None:
        self._path = path
        self._output = output
        self._sha256 = hashlib.sha256()
        self._length = 0
        self._beside = beside(path)
        self._file = self._beside.open("xb")

    def take(self, chunk: memoryview) -> None:
        """Write what comes next; raises LostObjectError where that is more than there should be."""
        self._length += len(chunk)
        if self._length > self._output.bytes:
            raise _differs(self._output)
        self._sha256.update(chunk)
        self._file.write(chunk)

    def finish(self, chunk: memoryview) -> None:
        """Write the last bytes, and give the file its name; raises LostObjectError if it is not the image."""
        self.take(chunk)
        if self._length != self._output.bytes or self._sha256.hexdigest() != self._output.sha256:
            raise _differs(self._output)
        self._file.close()
        os.replace(self._beside, self._path)

    def discard(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):  # closing tries again to write what could not be written
            self._file.close()
        self._beside.unlink(missing_ok=True)


def _differs(output: Output) -> LostObjectError:
    return LostObjectError(f"{output.uri} is not the image that was stored there: its length or its sha256 differs")


def is_whole(path: Path, output: Output) -> bool:
    """Whether a file holds exactly this image."""
    return path.is_file() and path.stat().st_size == output.bytes and digest(path) == output.sha256


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def beside(path: Path) -> Path:
    """A new name in the same folder, for what is to become the file ``path`` when it is whole.

    Each has its own: two commands that write one file at once would cut each other's, and put half a file in place.
    """
    return path.with_name(f"retouch-{secrets.token_hex(8)}{PARTIAL}")
