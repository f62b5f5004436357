"""The image check under damaged and made-up images: what it accepts, Pillow agrees about in kind and size."""

from __future__ import annotations

import io
import random
import struct
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from retouch.edit import MAX_SIDE
from retouch.errors import BrokenResultError
from retouch.media.images import ImageInfo, inspect
from tests.harness.pictures import chunk

fuzz = settings(max_examples=400)

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]  # the same lines thousands of times over

KINDS = {"PNG": "png", "JPEG": "jpg", "MPO": "jpg", "WEBP": "webp"}  # MPO: a JPEG that says it has further pictures
SIDES = st.integers(0, 2**16 - 1) | st.sampled_from([0, 1, MAX_SIDE, MAX_SIDE + 1, 2**16 - 1])


def made(kind: str, mode: str = "RGB", **options: object) -> bytes:
    """A real image of 23x17 pixels of noise."""
    picture = Image.frombytes(mode, (23, 17), random.Random(3).randbytes(len(mode) * 23 * 17))
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


REAL = [
    made("PNG"),
    made("PNG", "RGBA"),
    made("JPEG"),
    made("JPEG", progressive=True, exif=b"Exif\0\0MM\0*" + bytes(30)),
    made("WEBP"),
    made("WEBP", "RGBA"),
    made("WEBP", lossless=True),
]
BYTES = st.integers(0, 255)
# Where headers are, mostly; as a share of the length, so that it shrinks and holds for every image.
PLACES = st.integers(0, 60) | st.integers(0, 4000)
MUTATIONS = st.lists(
    st.tuples(st.sampled_from(["set", "cut", "insert", "double"]), PLACES, st.binary(min_size=1, max_size=6)),
    max_size=4,
)


def mutated(data: bytes, mutations: list[tuple[str, int, bytes]]) -> bytes:
    """The image after some damage."""
    image = bytearray(data)
    for kind, place, piece in mutations:
        at = place % (len(image) + 1)
        if kind == "set":
            image[at : at + len(piece)] = piece
        elif kind == "cut":
            del image[at : at + len(piece)]
        elif kind == "insert":
            image[at:at] = piece
        else:
            image[at:at] = image[max(0, at - 25) : at]
    return bytes(image)


def accepted(data: bytes) -> ImageInfo | None:
    """What the check says; None where it refuses with its one error."""
    try:
        return inspect(data)
    except BrokenResultError:
        return None


def assert_pillow_agrees(info: ImageInfo, data: bytes) -> None:
    """Pillow reads the same kind and size, unless the damage keeps it from reading the image at all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picture = Image.open(io.BytesIO(data))
        except (OSError, SyntaxError, ValueError, struct.error, EOFError):
            return
    assert KINDS[picture.format or ""] == info.extension
    assert picture.size == (info.width, info.height)


@fuzz
@given(st.sampled_from(REAL), MUTATIONS)
def test_a_damaged_image_is_refused_or_read_as_pillow_reads_it(
    data: bytes, mutations: list[tuple[str, int, bytes]]
) -> None:
    """Bytes changed, lost, added or doubled anywhere never make an image of another kind or size."""
    damaged = mutated(data, mutations)
    if info := accepted(damaged):
        assert_pillow_agrees(info, damaged)


@fuzz
@given(st.binary(max_size=300), st.sampled_from([b"", *(data[:40] for data in REAL)]))
def test_any_bytes_are_refused_or_read_as_pillow_reads_them(rest: bytes, start: bytes) -> None:
    """What begins like an image and goes on like nothing is no exception to that."""
    if info := accepted(start + rest):
        assert_pillow_agrees(info, start + rest)


def png_header(width: int, height: int) -> bytes:
    """A PNG's header chunk."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))


def frame(width: int, height: int) -> bytes:
    """A grey JPEG's frame header."""
    return b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", height, width) + b"\x01\x01\x11\x00"


@fuzz
@given(st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=3), st.binary(max_size=10))
def test_a_png_has_one_size(sizes: list[tuple[int, int]], text: bytes) -> None:
    """However many headers, with true checksums, stand before the picture: one size within the bound, or refused."""
    headers = b"".join(png_header(*size) for size in sizes)
    data = b"\x89PNG\r\n\x1a\n" + headers + chunk(b"tEXt", b"a\0" + text) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")
    info = accepted(data)
    assert (info is not None) == (len(sizes) == 1 and all(1 <= side <= MAX_SIDE for side in sizes[0]))
    if info:
        assert_pillow_agrees(info, data)


@fuzz
@given(st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=3), st.binary(max_size=10), st.integers(0, 5))
def test_a_jpeg_has_one_size(sizes: list[tuple[int, int]], text: bytes, padding: int) -> None:
    """However many frame headers stand before the picture: one size within the bound, or refused."""
    comment = b"\xff" * padding + b"\xff\xfe" + struct.pack(">H", 2 + len(text)) + text
    frames = comment.join(frame(*size) for size in sizes)
    data = b"\xff\xd8" + comment + frames + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x00\xff\xd9"
    info = accepted(data)
    assert (info is not None) == (len(sizes) == 1 and all(1 <= side <= MAX_SIDE for side in sizes[0]))
    if info:
        assert_pillow_agrees(info, data)


@fuzz
@given(SIDES, SIDES, st.sampled_from([b"VP8X", b"VP8 ", b"VP8L"]), st.binary(max_size=20))
def test_a_webp_has_a_size_within_the_bound(width: int, height: int, kind: bytes, rest: bytes) -> None:
    """No header of WebP's three kinds makes the check say a size that Pillow reads otherwise."""
    bodies = {
        b"VP8X": bytes(4) + struct.pack("<I", width)[:3] + struct.pack("<I", height)[:3],
        b"VP8 ": b"\x10\x00\x00\x9d\x01\x2a" + struct.pack("<HH", width, height),
        b"VP8L": b"\x2f" + struct.pack("<I", (width & 0x3FFF) | (height & 0x3FFF) << 14),
    }
    body = bodies[kind] + rest
    chunks = b"WEBP" + kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    data = b"RIFF" + struct.pack("<I", len(chunks)) + chunks
    if info := accepted(data):
        assert max(info.width, info.height) <= MAX_SIDE
        assert_pillow_agrees(info, data)
