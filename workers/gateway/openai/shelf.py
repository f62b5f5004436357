"""Files that OpenAI's clients upload, in the bucket. The key of one says all of it, so that listing keys lists files.

    {prefix}_files/KEY/MS/ID/PURPOSE/NAME   MS: when the key was made; NAME in base64, since it may be anything

An id has the time of the upload and the SHA-256 in it, so that nothing else has to be kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from retouch import blocking, object_keys
from retouch.errors import LostObjectError
from retouch.media.store import Store
from retouch.media.stores import kept_store
from workers.gateway.openai.shapes import PURPOSES, FileObject, Purpose
from workers.gateway.problems import Kind, ProblemError

KEPT_S = 30 * 24 * 3600
_PIECE = 1024 * 1024  # bytes
_LONGEST_NAME = 150  # bytes; in base64 they are a part of a key
_TIME, _HASH = 11, 40  # digits of an id
_ID = re.compile(rf"file-[0-9a-f]{{{_TIME + _HASH}}}")


@dataclass(frozen=True)
class KeptFile:
    """A file of one caller: its key in the bucket, and what that says. ``size`` in bytes."""

    key: str
    id: str
    purpose: Purpose
    name: str
    size: int

    @property
    def created(self) -> float:
        """When it was uploaded, in seconds since 1970."""
        return int(self.id[5 : 5 + _TIME], 16) / 1000

    @property
    def content(self) -> str:
        """A hash of its bytes."""
        return self.id[5 + _TIME :]

    @property
    def expired(self) -> bool:
        """Whether it has been kept long enough."""
        return self.created + KEPT_S < time.time()

    def to_json(self) -> FileObject:
        """As clients are told of it."""
        return FileObject(
            id=self.id,
            bytes=self.size,
            created_at=int(self.created),
            expires_at=int(self.created) + KEPT_S,
            filename=self.name,
            purpose=self.purpose,
        )

    @classmethod
    def parse(cls, key: str, size: int) -> KeptFile | None:
        """Read a key; None if it is of none of these files."""
        parts = key.rsplit("/", 3)[1:]
        if len(parts) != 3 or not _ID.fullmatch(parts[0]) or parts[1] not in PURPOSES:
            return None
        name = urlsafe_b64decode(parts[2].encode()).decode(errors="replace")
        return cls(key, parts[0], cast(Purpose, parts[1]), name, size)


class Shelf:
    """The files of all callers; an ``owner`` sees its own alone. Blocks, so it is called on a thread.

    Every method raises StoreError if S3 cannot be used.
    """

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix

    @property
    def _store(self) -> Store:
        return kept_store(self._bucket)

    def save(self, owner: str, purpose: Purpose, name: str, file: BinaryIO, content_type: str) -> KeptFile:
        """Keep a file; its bytes are read twice, and a piece of them is in memory at a time."""
        digest, size = hashlib.sha256(), 0
        file.seek(0)
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
        file.seek(0)
        id = f"file-{int(time.time() * 1000):0{_TIME}x}{digest.hexdigest()[:_HASH]}"
        shown = name.encode(errors="replace")[:_LONGEST_NAME] or b"file"
        key = f"{object_keys.files(self._prefix, owner)}{id}/{purpose}/{urlsafe_b64encode(shown).decode()}"
        blocking.run(self._store.put_stream(key, _pieces(file), content_type))
        return KeptFile(key, id, purpose, shown.decode(errors="replace"), size)

    def find(self, owner: str, id: str) -> KeptFile | None:
        """The file of this id, if the owner has it."""
        if not _ID.fullmatch(id):
            return None
        found = blocking.run(self._listed(f"{object_keys.files(self._prefix, owner)}{id}/"))
        return next((file for file in found if not file.expired), None)

    def all(self, owner: str) -> list[KeptFile]:
        """All files of an owner, the newest first; those that were kept long enough are removed."""
        found = blocking.run(self._listed(object_keys.files(self._prefix, owner)))
        for file in found:
            if file.expired:
                self.delete(file)
        return sorted((file for file in found if not file.expired), key=lambda file: file.id, reverse=True)

    def delete(self, file: KeptFile) -> None:
        """Remove a file."""
        blocking.run(self._store.delete(file.key))

    def address(self, file: KeptFile) -> str:
        """Where it is, as an edit names its picture."""
        return self._store.uri(file.key)

    @contextmanager
    def opened(self, file: KeptFile) -> Iterator[BinaryIO]:
        """A copy on this disk, at its beginning; raises ProblemError if it is gone, or the disk is full."""
        with tempfile.TemporaryFile(prefix="retouch-file-") as copy:
            try:
                blocking.run(self._copy(file.key, cast(BinaryIO, copy)))
            except LostObjectError:
                raise ProblemError(Kind.NOT_FOUND, f"the file {file.id} is gone from S3") from None
            except OSError as error:
                detail = f"the gateway cannot keep the file on its disk: {error.strerror}"
                raise ProblemError(Kind.AWAY, detail) from None
            copy.seek(0)
            yield cast(BinaryIO, copy)

    def content(self, file: KeptFile) -> Iterator[bytes]:
        """Its bytes, in pieces."""
        with self.opened(file) as copy:
            while piece := copy.read(_PIECE):
                yield piece

    async def _copy(self, key: str, copy: BinaryIO) -> None:
        async for piece in self._store.chunks(key):
            await asyncio.to_thread(copy.write, piece)

    async def _listed(self, folder: str) -> list[KeptFile]:
        found: list[KeptFile] = []
        async for page in self._store.pages(folder):
            found += [file for one in page if (file := KeptFile.parse(one.key, one.size))]
        return found


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, _PIECE):
        yield piece
