"""Pictures that the producer has: checked, named by their content, and uploaded once each."""

from __future__ import annotations

import asyncio
import hashlib
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from retouch import blocking, object_keys
from retouch.errors import BrokenResultError, InputError, ServiceError, StoreError
from retouch.media import images

MAX_SIDE = 16384  # pixels of a picture to be edited: larger than a result may be, since no worker unpacks it
AT_ONCE = 8  # uploads at a time: each holds its picture in memory


class ObjectStore(Protocol):
    """The part of ``retouch.media.store.Store`` that an upload needs, without its S3 libraries."""

    async def put(self, key: str, data: bytes, content_type: str) -> bool | None:
        """Write an object; False: that was not needed, since it is there."""

    async def exists(self, key: str) -> bool:
        """Tell whether an object is there."""


class Picture(NamedTuple):
    """A picture on this machine, and its key in S3."""

    path: Path
    key: str
    sha256: str
    content_type: str
    size: int  # bytes


class Inputs:
    """Turns local paths into S3 keys: equal pictures are one object.

    ``folder`` is what relative paths are relative to. ``bucket`` None: every local path is refused. ``pending``: what
    is to be uploaded, once ``need`` is called for it. A context manager: at its end, what ``take`` has kept on disk is
    removed.
    """

    def __init__(self, bucket: str | None, prefix: str = "", folder: Path | None = None) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._folder = folder or Path()
        self._known: dict[str, Picture] = {}  # by path
        self._checked: dict[str, Picture] = {}  # by the address that it will have
        self._spool: TemporaryDirectory[str] | None = None
        self.pending: dict[str, Picture] = {}  # by key; not yet uploaded

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        if self._spool:
            self._spool.cleanup()

    def uri(self, init_image: str) -> str:
        """Check a local picture and return the s3:// URI that it will have; raises InputError."""
        picture = self._known.get(init_image)
        if picture is None:
            self._need_bucket(init_image)
            path = self._folder / init_image
            picture = self._known[init_image] = self._look_at(_read(path), init_image, path)
        return self._address_of(picture)

    def check_address(self, address: str) -> None:
        """Check an ``s3://`` address; raises InputError if the producer may not name it: here, none."""

    def take(self, data: bytes, shown: str) -> str:
        """Check a picture that is no file, and keep it on disk until it is uploaded; as ``uri``."""
        self._need_bucket(shown)
        picture = self._look_at(data, shown, Path())
        if f"s3://{self._bucket}/{picture.key}" not in self._checked:
            self._spool = self._spool or TemporaryDirectory(prefix="retouch-")
            picture = picture._replace(path=Path(self._spool.name) / picture.sha256)
            picture.path.write_bytes(data)
        return self._address_of(picture)

    def need(self, address: str) -> str:
        """Have the picture uploaded that will be at this address, if it is one of this machine; returns the address."""
        if picture := self._checked.get(address):
            self.pending.setdefault(picture.key, picture)
        return address

    def _address_of(self, picture: Picture) -> str:
        address = f"s3://{self._bucket}/{picture.key}"
        self._checked.setdefault(address, picture)
        return address

    def _need_bucket(self, shown: str) -> None:
        if not self._bucket:
            raise InputError(
                f"{shown[:200]} is a local picture, and there is no bucket to upload it to; set RETOUCH_BUCKET"
            )

    def _look_at(self, data: bytes, shown: str, path: Path) -> Picture:
        try:
            info = images.inspect(data, MAX_SIDE)
        except BrokenResultError as error:
            reason = str(error).removeprefix("the result ")
            raise InputError(
                f"{shown[:200]} is not a picture that the API accepts (PNG, JPEG, WebP): it {reason}"
            ) from None
        sha256 = hashlib.sha256(data).hexdigest()
        key = object_keys.local_input(self._prefix, sha256, info.extension)
        return Picture(path, key, sha256, info.content_type, len(data))


def upload_pending(
    inputs: Inputs,
    open_store: Callable[[], ObjectStore],
    on_start: Callable[[int], None],
    on_done: Callable[[Picture, bool], None] | None = None,
) -> None:
    """Upload what is pending to a store, which is opened if there is something to upload.

    ``on_start`` is called with the number of pictures, if there are any.

    ``on_done`` is called with each picture that is in S3, and whether it was sent: it may have been there before.

    Raises InputError where S3 support is not installed, or a picture has changed; ServiceError if S3 fails.
    """
    pictures = list(inputs.pending.values())
    if not pictures:
        return
    try:
        store = open_store()
    except InputError as error:
        raise InputError(f"there are local pictures to upload: {error}") from None
    on_start(len(pictures))
    try:
        blocking.run(upload(pictures, store, on_done))
    except StoreError as error:
        raise ServiceError(f"nothing was enqueued, because the pictures could not be uploaded: {error}") from error
    inputs.pending.clear()


async def upload(
    pictures: Iterable[Picture], store: ObjectStore, on_done: Callable[[Picture, bool], None] | None = None
) -> None:
    """Upload every picture that is not in S3 yet, several at a time; raises InputError and StoreError."""
    left = iter(pictures)

    async def carry() -> None:
        for picture in left:
            sent = False
            if not await store.exists(picture.key):
                data = await asyncio.to_thread(_read_again, picture)
                sent = await store.put(picture.key, data, picture.content_type) is not False
            if on_done:
                on_done(picture, sent)

    await blocking.together(carry() for _ in range(AT_ONCE))


def _read_again(picture: Picture) -> bytes:
    try:
        data = _read(picture.path)
    except InputError as error:
        raise InputError(f"{error}, though it was there when it was checked; run the command again") from None
    if hashlib.sha256(data).hexdigest() != picture.sha256:
        raise InputError(f"{picture.path} has changed since it was checked; run the command again")
    return data


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
        hint = "; here / stands between folders" if "\\" in str(path) and isinstance(error, FileNotFoundError) else ""
        raise InputError(f"{str(path)[:200]}: {reason}{hint}") from None
