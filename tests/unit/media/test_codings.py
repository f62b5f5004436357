"""Content codings: what is undone, what changes nothing, and what is refused."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.errors import BrokenResultError
from retouch.media.codings import decoders, undone
from retouch.media.images import MAX_BYTES
from tests.harness.pictures import field

PNG = field("palette.png")


def framed(data: bytes, size: int = 1000, signed: bool = True) -> bytes:
    """The data in the frames in which the SDKs of AWS upload it."""
    signature = b";chunk-signature=" + b"0" * 64 if signed else b""
    frames = [data[at : at + size] for at in range(0, len(data), size)] + [b""]
    return (
        b"".join(b"%x%s\r\n%s\r\n" % (len(f), signature, f) for f in frames) + b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    )


def bare(data: bytes) -> bytes:
    """Deflate as some servers send it, without zlib's head."""
    return zlib.compress(data)[2:-4]


async def _one_by_one(body: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


def plain(body: bytes, *headers: str, size: int = 10_000) -> bytes:
    """The body with its codings undone, arriving in pieces of ``size``."""

    async def read() -> bytes:
        chunks = _one_by_one(body, size)
        for decoder in decoders(headers, body[: 2**20]):
            chunks = undone(decoder, chunks)
        return b"".join([chunk async for chunk in chunks])

    return asyncio.run(read())


NOTHING = [
    "",
    "identity",
    "Identity",
    " aws-chunked ",
    "utf-8",
    "UTF-8",
    "none",
    "binary",
    "base64",
    "image/png",
    ",",
    "x",
]


@pytest.mark.parametrize("header", [*NOTHING, "gzip", "deflate", "br", "zstd", "aws-chunked,gzip"])
def test_what_is_a_picture_already_is_taken_as_it_is(header: str) -> None:
    """Whatever a store says of it: most say what was true of the upload, or no coding at all."""
    assert decoders([header], PNG) == []


@pytest.mark.parametrize("size", [10_000, 100])
@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("gzip", gzip.compress(PNG)),
        ("GZIP", gzip.compress(PNG)),
        ("x-gzip", gzip.compress(PNG)),
        ('"gzip";q=1', gzip.compress(PNG)),
        ("utf-8, gzip", gzip.compress(PNG)),
        ("gzip", gzip.compress(PNG[:1000]) + gzip.compress(PNG[1000:]) + bytes(512)),
        ("deflate", zlib.compress(PNG)),
        ("deflate", bare(PNG)),
        ("gzip, gzip", gzip.compress(gzip.compress(PNG))),
        ("deflate, gzip", gzip.compress(zlib.compress(PNG))),
        ("aws-chunked,gzip", gzip.compress(PNG)),
        ("gzip,aws-chunked", gzip.compress(PNG)),
        ("aws-chunked", framed(PNG)),
        ("aws-chunked", framed(PNG, signed=False)),
        ("gzip,aws-chunked", framed(gzip.compress(PNG))),
        ("aws-chunked,gzip", framed(gzip.compress(PNG))),
        ("aws-chunked,gzip", gzip.compress(framed(PNG))),
    ],
)
def test_a_real_coding_is_undone(header: str, body: bytes, size: int) -> None:
    """In any order and number, and however the body arrives."""
    assert plain(body, header, size=size) == PNG


def test_two_headers_are_one_list() -> None:
    """A proxy adds its own header instead of adding to the list."""
    assert plain(gzip.compress(zlib.compress(PNG)), "deflate", "gzip") == PNG


@pytest.mark.parametrize("header", ["br", "zstd", "compress", "gzip, br"])
def test_a_coding_that_cannot_be_undone_is_named(header: str) -> None:
    """Nobody has asked for it."""
    with pytest.raises(
        BrokenResultError, match=rf"compressed with {header.rpartition(' ')[2]}, which was not asked for"
    ):
        decoders([header], b"\x0b\x02\x80" + bytes(100))


@pytest.mark.parametrize("header", [*NOTHING, "gzip", "deflate", "aws-chunked"])
def test_what_is_neither_a_picture_nor_coded_is_left_as_it_is(header: str) -> None:
    """An error page says more about itself than the header that it came with."""
    assert decoders([header], b"<html>expired</html>") == []


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("gzip", gzip.compress(PNG)[:200] + b"\xff" * 100),
        ("gzip", gzip.compress(PNG)[:-8] + bytes(8)),
        ("deflate", zlib.compress(PNG)[:200] + b"\xff" * 100),
        ("aws-chunked", framed(PNG)[:90] + framed(PNG)[91:]),
        ("aws-chunked", framed(PNG[:200], 100) .replace(b"\r\n64;", b"\r\nxx;") + b"\n" * 9000),
    ],
)  # fmt: skip
def test_a_damaged_coding_is_broken(header: str, body: bytes) -> None:
    """What cannot be undone to its end is said to be damaged."""
    with pytest.raises(BrokenResultError, match="and damaged"):
        plain(body, header)


@given(st.binary(max_size=500), st.integers(1, 400), st.integers(1, 300))
def test_frames_of_any_size_in_any_pieces(data: bytes, frame: int, size: int) -> None:
    """Where the frames and the pieces end changes nothing."""
    assert plain(framed(PNG[:64] + data, frame), "aws-chunked", size=max(100, size)) == PNG[:64] + data


@given(st.sampled_from(["gzip", "deflate", "aws-chunked"]), st.binary(max_size=300))
def test_any_bytes_are_undone_or_broken(header: str, rest: bytes) -> None:
    """Damage raises the one error, or none."""
    for whole in (gzip.compress(PNG[:300]), zlib.compress(PNG[:300]), framed(PNG[:300])):
        for body in (rest, whole[:40] + rest, whole + rest):
            with suppress(BrokenResultError):
                plain(body, header)


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("gzip", gzip.compress(PNG + bytes(2 * MAX_BYTES))),
        ("gzip,gzip", gzip.compress(gzip.compress(PNG + bytes(2 * MAX_BYTES)))),
        ("deflate", zlib.compress(PNG + bytes(2 * MAX_BYTES))),
        ("aws-chunked,gzip", framed(gzip.compress(PNG + bytes(2 * MAX_BYTES)))),
    ],
)
def test_a_bomb_is_refused_before_it_is_large(header: str, body: bytes) -> None:
    """At the bound, and piece by piece: no more than a few are in memory."""

    async def read() -> None:
        chunks = _one_by_one(body, 10_000)
        for decoder in decoders([header], body[:10_000]):
            chunks = undone(decoder, chunks)
        async for _ in chunks:
            pass

    tracemalloc.start()
    try:
        with pytest.raises(BrokenResultError, match=f"larger than {MAX_BYTES} bytes when"):
            asyncio.run(read())
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_many_empty_members_are_not_followed_without_end() -> None:
    """Each costs the event loop time, and gives nothing: they are padding behind the picture."""
    assert plain(gzip.compress(PNG) + gzip.compress(b"") * 30_000 + gzip.compress(PNG), "gzip") == PNG


def test_many_small_frames_are_refused() -> None:
    """The same of frames, which no upload has so small."""
    with pytest.raises(BrokenResultError, match="and damaged"):
        plain(framed(PNG + bytes(30_000), 1), "aws-chunked")
