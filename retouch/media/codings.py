"""Undoes content codings (gzip, deflate, the frames of aws-chunked) that an answer names and its bytes show.

The bytes decide: S3-like stores name codings that were undone long ago (``aws-chunked``), and what is no coding at all
(``utf-8``, ``none``, ``base64``). What is a picture already is taken as it is, whatever is named.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol

from retouch.errors import BrokenResultError
from retouch.media.images import MAX_BYTES, kind_of

PIECE_BYTES = 256 * 1024  # undone at a time: about a millisecond on the event loop

_SLICE_BYTES = 64 * 1024  # given to a decoder at a time: what it leaves is copied
_START_BYTES = 64  # enough to see what a body is
_LINE_BYTES = 4096  # of a frame's first line
_MOST_PARTS = 20_000  # frames, or members of gzip: each costs time on the event loop
_FRAME = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(;[^\r\n]*)?\r\n")
_MOST = 4  # codings on top of each other
# The others, which nobody can have asked for. With their names one knows what a server must be told.
_NOT_UNDONE = frozenset({"br", "compress", "x-compress", "dcb", "dcz", "zstd", "bzip2", "xz", "lzma"})


class Decoder(Protocol):
    """Undoes one coding of a body that arrives in pieces."""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What ``data`` gives, in pieces of at most ``PIECE_BYTES``; raises BrokenResultError if it is damaged."""


Maker = Callable[[], Decoder]


class _Inflated:
    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._inflate = zlib.decompressobj(wbits)
        self._members = 1

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inflate.eof:  # gzip allows several members, and padding behind the last
                self._members += 1
                if not data.startswith(b"\x1f\x8b") or self._members > _MOST_PARTS:
                    return
                self._inflate = zlib.decompressobj(self._wbits)
            try:
                yield self._inflate.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise BrokenResultError(f"the result is compressed, and damaged: {str(error)[:80]}") from None
            data = self._inflate.unconsumed_tail or self._inflate.unused_data


class _Unframed:
    """Takes the frames of an upload away: a line with a length, so many bytes, a line end; the last one is empty."""

    def __init__(self) -> None:
        self._line = b""
        self._left = 0  # bytes of this frame that are still to come
        self._frames = 0
        self._over = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(data) and not self._over:  # after the last frame: checksums
            if self._left:
                piece = data[at : at + self._left]
                self._left -= len(piece)
                yield piece
                at += len(piece)
            else:
                at = self._read_line(data, at)

    def _read_line(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at, at + _LINE_BYTES) + 1
        self._line += data[at : end or len(data)]
        if not end and len(self._line) < _LINE_BYTES:
            return len(data)
        if self._line != b"\r\n":  # that one ends the frame before
            self._begin()
        self._line = b""
        return end

    def _begin(self) -> None:
        match = _FRAME.fullmatch(self._line)
        self._frames += 1
        if not match or self._frames > _MOST_PARTS:
            raise BrokenResultError("the result is in the frames of an upload (aws-chunked), and damaged")
        self._left = int(match[1], 16)
        self._over = not self._left


def _gzip(start: bytes) -> Maker | None:
    return partial(_Inflated, 31) if start.startswith(b"\x1f\x8b") else None


def _deflate(start: bytes) -> Maker | None:
    if len(start) > 1 and start[0] & 0x0F == 8 and int.from_bytes(start[:2]) % 31 == 0:
        return partial(_Inflated, 15)
    bare = partial(_Inflated, -15)  # without zlib's head, as some send it
    return bare if kind_of(_beginning(bare(), start)) else None


def _aws_chunked(start: bytes) -> Maker | None:
    return _Unframed if _FRAME.match(start) else None


_MAKERS: dict[str, Callable[[bytes], Maker | None]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "aws-chunked": _aws_chunked,
}


def decoders(headers: Iterable[str], start: bytes) -> list[Decoder]:
    """What undoes the codings of a body that begins with ``start``, in this order; empty if it is as it should be.

    ``headers``: the values of Content-Encoding. Raises BrokenResultError for a coding that cannot be undone here.
    """
    names = [name.partition(";")[0].strip(" \t\"'").lower() for value in headers for name in value.split(",")]
    known = [name for name in reversed(names) if name in _MAKERS][:_MOST]
    known += [name for name in ("gzip", "deflate") if name not in known]  # also under a wrong name
    start = start[:_SLICE_BYTES]
    found: list[Decoder] = []
    while not kind_of(start) and (fitting := _fitting(known, start)):
        name, make = fitting
        known.remove(name)
        found.append(make())
        start = _beginning(make(), start)
    if not kind_of(start) and (foreign := _NOT_UNDONE.intersection(names)):
        raise BrokenResultError(f"the result is compressed with {', '.join(sorted(foreign))}, which was not asked for")
    return found


async def undone(decoder: Decoder, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body without the coding; raises BrokenResultError as soon as it is larger than ``MAX_BYTES``."""
    length = 0
    async for chunk in chunks:
        for at in range(0, len(chunk), _SLICE_BYTES):
            for piece in decoder.pieces(chunk[at : at + _SLICE_BYTES]):
                length += len(piece)
                if length > MAX_BYTES:
                    raise BrokenResultError(f"the result is larger than {MAX_BYTES} bytes when it is decompressed")
                if piece:
                    yield piece
                await asyncio.sleep(0)  # of a small body there may be much, and others wait


def _fitting(names: Sequence[str], start: bytes) -> tuple[str, Maker] | None:
    made = ((name, _MAKERS[name](start)) for name in names)
    return next(((name, make) for name, make in made if make), None)


def _beginning(decoder: Decoder, start: bytes) -> bytes:
    found = b""
    with suppress(BrokenResultError):
        for piece in decoder.pieces(start):
            found += piece
            if len(found) >= _START_BYTES:
                break
    return found
