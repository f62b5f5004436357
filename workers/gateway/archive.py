"""Pictures as one zip file, which is written while it is sent: one picture at a time, checked, and stored as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from retouch.errors import LostObjectError
from retouch.plural import count
from workers.gateway.problems import AGAIN_S, Kind, ProblemError
from workers.gateway.threads import Threads

AT_ONCE, OF_ONE = 8, 2  # archives on their way, of all keys and of one owner: each holds a picture (32 MiB at most)
PIECE = 256 * 1024  # bytes that are sent at once: a slow browser is waited for after each
MISSING = "MISSING.txt"


class Saved(NamedTuple):
    """A picture of an archive. ``read``: reads all of it, on a thread; raises LostObjectError if it is gone."""

    name: str
    made_at: datetime | None
    read: Callable[[], bytearray]


class Archives:
    """Those that are on their way."""

    def __init__(self) -> None:
        self._open = Counter[str]()

    @contextmanager
    def one(self, owner: str) -> Iterator[None]:
        """Have a place among them; raises ProblemError where there is none."""
        if self._open[owner] >= OF_ONE or self._open.total() >= AT_ONCE:
            whose = "by this key" if self._open[owner] >= OF_ONE else "here"
            detail = (
                f"{count(self._open.total(), 'archive')} of pictures are being loaded {whose}: try it when one is done"
            )
            raise ProblemError(Kind.TOO_MANY, detail, {"Retry-After": str(AGAIN_S)})
        self._open[owner] += 1
        try:
            yield
        finally:
            self._open[owner] -= 1


class ArchiveResponse(StreamingResponse):
    """An archive as an answer. It begins with its first piece: until then what is wrong is told in words."""

    def __init__(self, pieces: AsyncGenerator[bytes, None], archives: Archives, owner: str, file_name: str) -> None:
        named = {"Content-Disposition": f'attachment; filename="{file_name}"', "X-Accel-Buffering": "no"}
        super().__init__(pieces, 200, named, "application/zip")
        self._pieces, self._archives, self._owner = pieces, archives, owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; what it holds is let go when the browser goes."""
        with self._archives.one(self._owner):
            try:
                self.body_iterator = _behind(await anext(self._pieces), self._pieces)
                await super().__call__(scope, receive, send)
            finally:
                await self._pieces.aclose()


async def _behind(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in others:
        yield piece


async def zipped(pictures: Iterator[Saved], threads: Threads) -> AsyncGenerator[bytes, None]:
    """The bytes of an archive, piece by piece. Those that are gone are named in its last file, ``MISSING.txt``."""
    window, gone = _Window(), list[str]()
    with ZipFile(window, "w", ZIP_STORED) as archive:

        def add(picture: Saved) -> None:
            try:
                archive.writestr(_entry(picture), picture.read())
            except LostObjectError as error:
                gone.append(f"{picture.name}: {error}\n")

        async for picture in threads.each(pictures):
            await threads.run(add, picture)
            for piece in window.pieces():
                yield piece
        if gone:
            archive.writestr(MISSING, "".join(gone))
    for piece in window.pieces():
        yield piece


def _entry(picture: Saved) -> ZipInfo:
    moment = picture.made_at
    entry = ZipInfo(picture.name, moment.timetuple()[:6] if moment else (1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o644 << 16
    return entry


class _Window:
    """A file of which only the end is there: what was not sent yet. In it the head of an entry is written again.

    So an archive needs no second head behind each entry, which some programs cannot read; what is written is not
    copied.
    """

    def __init__(self) -> None:
        self._parts: dict[int, bytes | bytearray] = {}
        self._place = 0

    def write(self, data: bytes | bytearray) -> int:
        self._parts[self._place] = data
        self._place += len(data)
        return len(data)

    def tell(self) -> int:
        return self._place

    def seek(self, place: int) -> int:
        self._place = place
        return place

    def flush(self) -> None:
        """Nothing is to be done, as at its end."""

    close = flush

    def pieces(self) -> Iterator[bytes]:
        """All that is in it, which leaves it."""
        for place in sorted(self._parts):
            whole = memoryview(self._parts.pop(place))
            for first in range(0, len(whole), PIECE):
                yield bytes(whole[first : first + PIECE])
