"""Images from S3 to files: whole and checked, or not there at all."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO, Protocol

from retouch.errors import InputError, LostObjectError
from retouch.output import Output

PARTIAL = ".part"  # the end of the name of a file that is not whole yet


class ObjectSource(Protocol):
    """The part of ``retouch.media.store.Store`` that a download needs."""

    def chunks(self, key: str) -> AsyncIterator[memoryview]:
        """Read one object."""


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


def located(uri: str) -> tuple[str, str]:
    """The bucket and the key of ``s3://bucket/key``; raises InputError if ``uri`` is none."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key:
        raise InputError(f"{uri[:200]!r} is not s3://bucket/key")
    return bucket, key


async def download(buckets: Buckets, output: Output, path: Path) -> bool:
    """Put an image into the file ``path``, whose folders are made; returns False if it was there already.

    The file appears whole and checked, or not at all: it is written under another name (``.part``) first. Raises
    LostObjectError if the object is gone or differs, other StoreErrors, and InputError if the file cannot be written.
    """
    try:
        if await asyncio.to_thread(is_whole, path, output):
            return False
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        part = beside(path)
        try:
            with part.open("xb") as file:
                await _write(buckets, output, file)
            await asyncio.to_thread(os.replace, part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None
    return True


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


async def _write(buckets: Buckets, output: Output, file: BinaryIO) -> None:
    sha256, length = hashlib.sha256(), 0
    async for chunk in buckets.chunks(output.uri):
        length += len(chunk)
        if length > output.bytes:
            break
        await asyncio.to_thread(_take, file, sha256, chunk)
    if length != output.bytes or sha256.hexdigest() != output.sha256:
        raise LostObjectError(f"{output.uri} is not the image that was stored there: its length or its sha256 differs")


def _take(file: BinaryIO, sha256: hashlib._Hash, chunk: memoryview) -> None:
    sha256.update(chunk)
    file.write(chunk)
