"""What is taken for an image: kind and size from the bytes, and whole."""

from __future__ import annotations

import contextlib
import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from retouch.edit import MAX_SIDE
from retouch.errors import BrokenResultError
from retouch.media.images import TAIL_BYTES, ImageInfo, check_whole, inspect

SIZE = (37, 21)


def made(kind: str, *, mode: str = "RGB", size: tuple[int, int] = SIZE, **options: object) -> bytes:
    noise = random.Random(7).randbytes(len(mode) * size[0] * size[1])
    picture = Image.frombytes(mode, size, noise)
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def animated_webp() -> bytes:
    frames = [Image.new("RGB", SIZE, color) for color in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    return out.getvalue()


def exif(length: int) -> bytes:
    return b"Exif\0\0MM\0*" + bytes(length)


IMAGES = {
    "png": ("image/png", made("PNG")),
    "png-alpha": ("image/png", made("PNG", mode="RGBA")),
    "png-grey": ("image/png", made("PNG", mode="L")),
    "jpeg": ("image/jpeg", made("JPEG")),
    "jpeg-progressive": ("image/jpeg", made("JPEG", progressive=True)),
    "jpeg-cmyk": ("image/jpeg", made("JPEG", mode="CMYK")),
    "jpeg-big-exif": ("image/jpeg", made("JPEG", exif=exif(65_000))),
    "jpeg-icc": ("image/jpeg", made("JPEG", icc_profile=bytes(200_000))),
    "webp": ("image/webp", made("WEBP")),
    "webp-lossless": ("image/webp", made("WEBP", lossless=True)),
    "webp-alpha": ("image/webp", made("WEBP", mode="RGBA")),
    "webp-animated": ("image/webp", animated_webp()),
}
SMALL = [name for name, (_, data) in IMAGES.items() if len(data) < 10_000]


def check(data: bytes) -> ImageInfo:
    info = inspect(data)
    check_whole(info, data, data[-TAIL_BYTES:], len(data))
    return info


@pytest.mark.parametrize("name", IMAGES)
def test_kind_and_size_are_read_from_the_bytes(name: str) -> None:
    """Every kind that generators make is recognised, with its size, and found whole."""
    content_type, data = IMAGES[name]
    info = check(data)
    assert (info.content_type, info.width, info.height) == (content_type, *SIZE)
    assert info.extension == {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}[content_type]


@pytest.mark.parametrize("name", SMALL)
def test_every_truncation_is_refused(name: str) -> None:
    """However many bytes are missing at the end, the image is not taken for whole."""
    data = IMAGES[name][1]
    for length in range(len(data)):
        with pytest.raises(BrokenResultError):
            check(data[:length])


def test_a_padded_jpeg_is_whole() -> None:
    """Some cameras and servers pad JPEG files with zeros."""
    check(IMAGES["jpeg"][1] + bytes(100))


@pytest.mark.parametrize("name", ["png", "webp", "jpeg"])
def test_an_image_with_something_behind_it_is_refused(name: str) -> None:
    """A second file glued to the first is not what was asked for."""
    with pytest.raises(BrokenResultError, match="truncated"):
        check(IMAGES[name][1] + b"PK\x03\x04")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>", "is HTML, not an image"),
        (b"\xef\xbb\xbf\n  <HTML><body>expired", "is HTML, not an image"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code>', "is XML, not an image"),
        (b' {"detail": "expired"}', "is JSON, not an image"),
        (b"[]", "is JSON, not an image"),
        (b"GIF89a" + bytes(40), "is GIF, not PNG, JPEG or WebP"),
        (b"\0\0\0\x20ftypavif" + bytes(40), "is AVIF"),
        (b"\x01\x02\x03\x04", "begins with 01 02 03 04"),
        (IMAGES["png"][1][:20], "without a size in its first 20 bytes"),
        (IMAGES["jpeg"][1][:20], "without a size"),
        (IMAGES["jpeg-icc"][1][:100_000], "without a size in its first 100000 bytes"),
        (IMAGES["webp"][1][:20], "without a size"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, words: str) -> None:
    """The error says what came instead of an image."""
    with pytest.raises(BrokenResultError, match=words):
        inspect(data)


SCAN = b"\xff\xda" + bytes(20)


def frame(size: tuple[int, int]) -> bytes:
    """A JPEG's frame header."""
    return b"\xff\xc0\x00\x11\x08" + size[1].to_bytes(2) + size[0].to_bytes(2) + bytes(10)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (MAX_SIDE + 1, 5), (5, 65_535)])
def test_impossible_and_enormous_sides_are_refused(size: tuple[int, int]) -> None:
    """A decompression bomb is refused by its header, before anything decodes it."""
    with pytest.raises(BrokenResultError, match="pixels"):
        inspect(b"\xff\xd8" + frame(size) + SCAN)


def test_the_largest_size_is_taken() -> None:
    """The bound itself is still allowed."""
    assert inspect(made("PNG", mode="L", size=(MAX_SIDE, 1))).width == MAX_SIDE


def test_a_jpeg_of_two_sizes_is_refused() -> None:
    """A small size before a huge one: some readers believe the first, some the last."""
    with pytest.raises(BrokenResultError, match="without a size"):
        inspect(b"\xff\xd8" + frame((10, 10)) + frame((65_000, 65_000)) + SCAN)


def test_a_png_of_two_sizes_is_refused() -> None:
    """A second header before the picture is not passed over."""
    small, large = made("PNG", mode="L", size=(2, 2)), made("PNG", mode="L", size=(MAX_SIDE, 1))
    with pytest.raises(BrokenResultError, match="without a size"):
        inspect(small[:33] + large[8:])


@pytest.mark.parametrize("filler", [b"\xff", b"\xff\x01", b"\xff\xe0\x00\x02"])
def test_a_jpeg_of_fillers_is_not_walked_to_its_end(filler: bytes) -> None:
    """Thousands of markers before the picture cost the event loop time, and no image has them."""
    assert inspect(b"\xff\xd8" + filler * 1900 + frame(SIZE) + SCAN).width == SIZE[0]
    with pytest.raises(BrokenResultError, match="without a size"):
        inspect(b"\xff\xd8" + filler * 2000 + frame(SIZE) + SCAN)


def test_a_damaged_png_header_is_refused() -> None:
    """The header's checksum must hold: a size read from flipped bits is no size."""
    data = bytearray(IMAGES["png"][1])
    data[18] ^= 1
    with pytest.raises(BrokenResultError):
        inspect(bytes(data))


STARTS = st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8 ", b"RIFF\0\0\0\0WEBPVP8L"])


@given(STARTS, st.binary(max_size=200))
def test_any_bytes_give_an_image_or_the_one_error(start: bytes, rest: bytes) -> None:
    """No bytes raise anything but BrokenResultError."""
    try:
        info = check(start + rest)
    except BrokenResultError:
        return
    assert 1 <= info.width <= MAX_SIDE


@given(st.sampled_from(SMALL), st.integers(0, 200), st.integers(0, 255))
def test_flipped_bytes_give_an_image_or_the_one_error(name: str, at: int, value: int) -> None:
    """Damaged headers raise nothing but BrokenResultError."""
    data = bytearray(IMAGES[name][1])
    data[at % len(data)] = value
    with contextlib.suppress(BrokenResultError):
        check(bytes(data))
