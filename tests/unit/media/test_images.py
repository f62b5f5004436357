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
from retouch.media.images import inspect
from tests.harness.pictures import REFUSED, WHOLE, chunk

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


@pytest.mark.parametrize("name", IMAGES)
def test_kind_and_size_are_read_from_the_bytes(name: str) -> None:
    """Every kind that generators make is recognised, with its size, and found whole."""
    content_type, data = IMAGES[name]
    info = inspect(data)
    assert (info.content_type, info.width, info.height) == (content_type, *SIZE)
    assert info.extension == {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}[content_type]


@pytest.mark.parametrize("name", SMALL)
def test_every_truncation_is_refused(name: str) -> None:
    """However many bytes are missing at the end, the image is not taken for whole."""
    data = IMAGES[name][1]
    for length in range(len(data)):
        with pytest.raises(BrokenResultError):
            inspect(data[:length])


@pytest.mark.parametrize("name", WHOLE)
def test_a_picture_of_the_field_is_whole(name: str) -> None:
    """A video or a second picture behind the end, padding, and metadata of any size do no harm."""
    data, content_type, size = WHOLE[name]
    info = inspect(data)
    assert (info.content_type, (info.width, info.height)) == (content_type, size)


@pytest.mark.parametrize("name", REFUSED)
def test_a_picture_of_the_field_is_refused_by_what_it_is(name: str) -> None:
    """One that was cut is truncated, also where another picture follows; a type that is not taken is named."""
    data, words = REFUSED[name]
    with pytest.raises(BrokenResultError, match=words):
        inspect(data)


@pytest.mark.parametrize("name", ["png", "webp", "jpeg-progressive"])
def test_a_thumbnail_is_not_the_picture(name: str) -> None:
    """A whole JPEG inside of a JPEG's metadata has an end of its own, which does not count."""
    thumbnail = b"Exif\0\0" + IMAGES["jpeg"][1]
    assert thumbnail.endswith(b"\xff\xd9")
    data = made("JPEG", exif=thumbnail, progressive=name == "jpeg-progressive")
    assert inspect(data).width == SIZE[0]
    for cut in (data.index(thumbnail) + len(thumbnail), len(data) - 2):
        with pytest.raises(BrokenResultError, match="truncated"):
            inspect(data[:cut] + (IMAGES[name][1] if name != "jpeg-progressive" else b""))


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
        (b"\0\0\0\x20ftypavif" + bytes(40), "is AVIF, not PNG"),
        (b"\0\0\0\x20ftypheic" + bytes(40), "is HEIC, not PNG"),
        (b"\0\0\0\x20ftypisom" + bytes(40), "is a video"),
        (b"II*\0" + bytes(40), "is TIFF, not PNG"),
        (b"\x1f\x8b\x08" + bytes(40), "is compressed with gzip, and does not say so"),
        (b"1000;chunk-signature=ab\r\n", "is aws-chunked"),
        (b"\x01\x02\x03\x04", "begins with 01 02 03 04"),
        (IMAGES["png"][1][:20], "a truncated image/png of 20 bytes"),
        (IMAGES["jpeg"][1][:20], "a truncated image/jpeg of 20 bytes"),
        (IMAGES["jpeg-icc"][1][:100_000], "a truncated image/jpeg of 100000 bytes"),
        (IMAGES["webp"][1][:20], "a truncated image/webp of 20 bytes"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, words: str) -> None:
    """The error says what came instead of an image."""
    with pytest.raises(BrokenResultError, match=words):
        inspect(data)


SCAN = b"\xff\xda\x00\x02" + bytes(20) + b"\xff\xd9"


def frame(size: tuple[int, int]) -> bytes:
    """A JPEG's frame header."""
    return b"\xff\xc0\x00\x11\x08" + size[1].to_bytes(2) + size[0].to_bytes(2) + bytes(10)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (MAX_SIDE + 1, 5), (5, 65_535)])
def test_impossible_and_enormous_sides_are_refused(size: tuple[int, int]) -> None:
    """A decompression bomb is refused by its header, before anything decodes it."""
    with pytest.raises(BrokenResultError, match="pixels; 1 to"):
        inspect(b"\xff\xd8" + frame(size) + SCAN)


def test_the_largest_size_is_taken() -> None:
    """The bound itself is still allowed."""
    assert inspect(made("PNG", mode="L", size=(MAX_SIDE, 1))).width == MAX_SIDE


@pytest.mark.parametrize("between", [b"", SCAN[:-2]])
def test_a_jpeg_of_two_sizes_is_refused(between: bytes) -> None:
    """A small size before a huge one: some readers believe the first, some the last."""
    with pytest.raises(BrokenResultError, match="two sizes"):
        inspect(b"\xff\xd8" + frame((10, 10)) + between + frame((1000, 1000)) + SCAN)


@pytest.mark.parametrize("at", [33, -12])
def test_a_png_of_two_sizes_is_refused(at: int) -> None:
    """A second header, before the pixels or behind them, is not passed over."""
    small, large = made("PNG", mode="L", size=(2, 2)), made("PNG", mode="L", size=(MAX_SIDE, 1))
    with pytest.raises(BrokenResultError, match="two headers"):
        inspect(small[:at] + large[8:33] + small[at:])


def test_a_webp_of_two_sizes_is_refused() -> None:
    """A canvas that is not the size of its one frame."""
    data = bytearray(made("WEBP", mode="RGBA"))
    assert data[12:16] == b"VP8X"
    data[24] += 1
    with pytest.raises(BrokenResultError, match="two sizes"):
        inspect(bytes(data))


@pytest.mark.parametrize("left_out", [2, 40, 400])
def test_a_webp_that_ends_inside_of_its_picture_is_refused(left_out: int) -> None:
    """The container's length rules; decoders refuse a picture that is longer."""
    data = IMAGES["webp"][1]
    told = int.from_bytes(data[4:8], "little") - left_out
    with pytest.raises(BrokenResultError, match="longer than the whole"):
        inspect(data[:4] + told.to_bytes(4, "little") + data[8:])


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8" + SCAN,
        b"\xff\xd8" + frame(SIZE) + b"\xff\xd9",
        IMAGES["png"][1][:33] + chunk(b"IEND", b""),
        IMAGES["png"][1][:33] + chunk(b"IDAT", b"") + chunk(b"IEND", b""),
        b"RIFF\x04\0\0\0WEBP" + bytes(100),
        b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(10),
        b"RIFF\x10\0\0\0WEBPVP8 \xff\xff\0\0" + bytes(100),
    ],
)
def test_a_picture_without_pixels_is_refused(data: bytes) -> None:
    """An end alone makes no picture."""
    with pytest.raises(BrokenResultError, match="broken"):
        inspect(data)


def test_damage_in_a_scan_is_passed_over_as_decoders_do() -> None:
    """Restarts, padding and bytes that look like reserved markers are no end, and no segment."""
    noise = b"\xff\x00\xff\xd0\xff\xff\xff\x00\xff\x02\xff\xbf"
    assert inspect(b"\xff\xd8" + frame(SIZE) + SCAN[:-2] + noise + b"\xff\xff" + SCAN[-2:]).width == SIZE[0]


@pytest.mark.parametrize(
    ("start", "part", "end"),
    [
        (b"\xff\xd8", b"\xff\xe0\x00\x02", frame(SIZE) + SCAN),
        (IMAGES["png"][1][:33], chunk(b"tEXt", b"a"), IMAGES["png"][1][33:]),
    ],
    ids=["jpeg", "png"],
)
def test_a_picture_of_fillers_is_not_walked_to_its_end(start: bytes, part: bytes, end: bytes) -> None:
    """Thousands of parts before the picture cost the event loop time, and no image has them."""
    assert inspect(start + part * 1900 + end).width == SIZE[0]
    with pytest.raises(BrokenResultError, match="more than"):
        inspect(start + part * 20_000 + end)


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
        info = inspect(start + rest)
    except BrokenResultError:
        return
    assert 1 <= info.width <= MAX_SIDE


@given(st.sampled_from(SMALL), st.integers(0, 200), st.integers(0, 255))
def test_flipped_bytes_give_an_image_or_the_one_error(name: str, at: int, value: int) -> None:
    """Damaged headers raise nothing but BrokenResultError."""
    data = bytearray(IMAGES[name][1])
    data[at % len(data)] = value
    with contextlib.suppress(BrokenResultError):
        inspect(bytes(data))
