"""Local ``init_image`` files: checked, named by their content, and uploaded once each."""

from __future__ import annotations

import asyncio
import hashlib
import stat
from pathlib import Path
from typing import NamedTuple, Protocol

from retouch import object_keys
from retouch.errors import BrokenResultError, InputError
from retouch.media import images

AT_ONCE = 8  # uploads at a time: each holds its picture in memory


class ObjectStore(Protocol):
    """The part of ``retouch.media.store.Store`` that an upload needs, without its S3 libraries."""

    async def put(self, key: str, data: bytes, content_type: str) -> object:
        """Write an object."""

    async def exists(self, key: str) -> bool:
        """Tell whether an object is there."""


class Picture(NamedTuple):
    """A local picture, and its key in S3."""

    path: Path
    key: str
    sha256: str
    content_type: str


class Inputs:
    """Turns local paths into S3 keys: equal pictures are one object.

    ``folder`` is what relative paths are relative to. ``bucket`` None: every local path is refused.
    """

    def __init__(self, bucket: str | None, prefix: str = "", folder: Path | None = None) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._folder = folder or Path()
        self._known: dict[str, Picture] = {}
        self.pending: dict[str, Picture] = {}  # by key; not yet uploaded

    def uri(self, init_image: str) -> str:
        """Check a local picture and return the s3:// URI that it will have; raises InputError."""
        picture = self._known.get(init_image)
        if picture is None:
            if not self._bucket:
                raise InputError(
                    f"{init_image[:200]} is a local file, and there is no bucket to upload it to; set RETOUCH_BUCKET"
                )
            picture = self._known[init_image] = self._look_at(self._folder / init_image)
            self.pending.setdefault(picture.key, picture)
        return f"s3://{self._bucket}/{picture.key}"

    def _look_at(self, path: Path) -> Picture:
        data = _read(path)
        try:
            info = images.inspect(data)
        except BrokenResultError as error:
            reason = str(error).removeprefix("the result ")
            raise InputError(f"{path} is not a picture that the API accepts (PNG, JPEG, WebP): it {reason}") from None
        sha256 = hashlib.sha256(data).hexdigest()
        key = object_keys.local_input(self._prefix, sha256, info.extension)
        return Picture(path, key, sha256, info.content_type)


async def upload(pictures: list[Picture], store: ObjectStore) -> None:
    """Upload every picture that is not in S3 yet, several at a time; raises InputError and StoreError."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(picture: Picture) -> None:
        async with places:
            if await store.exists(picture.key):
                return
            data = await asyncio.to_thread(_read, picture.path)
            if hashlib.sha256(data).hexdigest() != picture.sha256:
                raise InputError(f"{picture.path} has changed since the manifest was checked; run the command again")
            await store.put(picture.key, data, picture.content_type)

    await asyncio.gather(*(one(picture) for picture in pictures))


def _read(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path} is not a regular file")
        if status.st_size > images.MAX_BYTES:
            raise InputError(f"{path} has {status.st_size} bytes; at most {images.MAX_BYTES} are accepted")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{str(path)[:200]}: {reason}") from None
