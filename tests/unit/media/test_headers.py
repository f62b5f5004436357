"""The size of a picture from its header, as a viewer shows it."""

from __future__ import annotations

import asyncio
import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from retouch.errors import BrokenResultError
from retouch.media.headers import WINDOW, Size, upright_size
from tests.harness.pictures import WHOLE, field, with_workflow

FORMATS = [("PNG", {}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("WEBP", {}), ("WEBP", {"lossless": True})]


class Reads:
    """A picture that counts how many bytes of it were read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.bytes = 0

    async def at(self, start: int, length: int) -> bytes:
        piece = self.data[start : start + length]
        self.bytes += len(piece)
        return piece


def size(data: bytes) -> Size:
    return asyncio.run(upright_size(Reads(data).at))


def encoded(format_: str, options: dict[str, bool], orientation: int | None) -> bytes:
    stream, exif = io.BytesIO(), Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.effect_noise((64, 40), 50).convert("RGB").save(stream, format_, exif=exif, **options)
    return stream.getvalue()


@pytest.mark.parametrize("orientation", [None, 1, 2, 3, 4, 5, 6, 7, 8, 9])
@pytest.mark.parametrize(("format_", "options"), FORMATS)
def test_a_picture_is_turned_as_a_decoder_turns_it(
    format_: str, options: dict[str, bool], orientation: int | None
) -> None:
    """Pillow is the judge, for every orientation of EXIF."""
    data = encoded(format_, options, orientation)
    with Image.open(io.BytesIO(data)) as image:
        assert size(data) == ImageOps.exif_transpose(image).size


@pytest.mark.parametrize("name", WHOLE)
def test_pictures_of_the_field(name: str) -> None:
    """Also where metadata, or something else, stands around the picture."""
    data, _, sides = WHOLE[name]
    assert size(data) == (tuple(reversed(sides)) if name == "rotated" else sides)


def test_metadata_before_the_size_is_passed_over_and_pixels_are_not_read() -> None:
    """So that of an object in S3 only the beginning is fetched."""
    workflow = Reads(with_workflow(field("trailing-data.png"), 5_000_000))
    assert asyncio.run(upright_size(workflow.at)) == (128, 128)
    large = Reads(field("motion-photo-google.jpg") + bytes(5_000_000))
    assert asyncio.run(upright_size(large.at)) == (512, 512)
    assert max(workflow.bytes, large.bytes) <= 3 * WINDOW


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"\xff\xd8\xff\xe0\0\x10", b"\x89PNG\r\n\x1a\n", field("result.avif")]
)
def test_what_has_no_size_is_refused(data: bytes) -> None:
    """With a sentence, and without an end that never comes."""
    with pytest.raises(BrokenResultError):
        size(data)


@given(st.sampled_from(FORMATS), st.integers(0, 400), st.binary(max_size=40))
def test_damaged_headers_end(chosen: tuple[str, dict[str, bool]], at: int, damage: bytes) -> None:
    """In a size or in the one error, whatever bytes they have."""
    data = encoded(*chosen, 6)
    data = data[:at] + damage + data[at + len(damage) :]
    with contextlib.suppress(BrokenResultError):
        assert all(size(data))
