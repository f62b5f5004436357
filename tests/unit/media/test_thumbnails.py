"""Small copies of pictures, whatever somebody has made."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageOps

from retouch.errors import BrokenResultError
from retouch.media import thumbnails
from retouch.media.thumbnails import preview, thumbnail
from tests.harness.pictures import WHOLE, field

PNG = field("palette.png")
SIDE = 224


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_a_thumbnail_is_small_and_upright(format_: str) -> None:
    """A photo from a phone says by EXIF how it stands."""
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (1000, 500), "#ff0000").save(out, format_, exif=exif)
    small = thumbnail(out.getvalue(), SIDE)
    assert (small.width, small.height) == (SIDE // 2, SIDE)


def test_of_a_large_picture_no_second_copy_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has it made: 50 million pixels take 200 MB each time."""
    turned: list[tuple[int, int]] = []

    def turn(picture: Image.Image) -> Image.Image:
        turned.append(picture.size)
        return picture

    monkeypatch.setattr(Image.Image, "copy", lambda _picture: pytest.fail("it is copied whole"))
    out = io.BytesIO()
    Image.new("RGB", (1000, 500), "#ff0000").save(out, "PNG")
    monkeypatch.setattr(ImageOps, "exif_transpose", turn)
    assert thumbnail(out.getvalue(), SIDE).size == turned[0] == (SIDE, SIDE // 2)


def test_a_thumbnail_of_16_bit_keeps_its_lights() -> None:
    """As scanners write grey pictures."""
    buffer = io.BytesIO()
    Image.new("I;16", (8, 8), 0x4080).save(buffer, "PNG")
    assert thumbnail(buffer.getvalue(), SIDE).getpixel((4, 4)) == (0x40, 0x40, 0x40)


@pytest.mark.parametrize("data", [b"", b"no picture", PNG[:60]])
def test_what_is_no_picture_has_no_thumbnail(data: bytes) -> None:
    """Whatever the library makes of it, it is one error of ours."""
    with pytest.raises(BrokenResultError, match="it cannot be shown"):
        thumbnail(data, SIDE)


def test_a_picture_of_a_huge_size_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its header says so."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(BrokenResultError, match="it cannot be shown"):
        thumbnail(PNG, SIDE)


@pytest.mark.parametrize("name", WHOLE)
def test_every_kind_of_picture_that_is_taken_can_be_shown(name: str) -> None:
    """Also those of more bits, of a palette, animated, or with anything behind their end."""
    assert max(thumbnail(WHOLE[name][0], SIDE).size) == SIDE


@pytest.mark.parametrize("name", WHOLE)
def test_a_preview_of_every_kind_is_a_jpeg(name: str) -> None:
    """Which a browser shows as it is; it is not made larger than the picture."""
    with Image.open(io.BytesIO(WHOLE[name][0])) as given, Image.open(io.BytesIO(preview(WHOLE[name][0], 160))) as made:
        assert made.format == "JPEG"
        assert max(made.size) == min(160, *[max(given.size)])


def test_a_picture_of_too_many_pixels_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its header is enough."""
    monkeypatch.setattr(thumbnails, "MOST_PIXELS", 10)
    monkeypatch.setattr(thumbnails, "thumbnail", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(BrokenResultError, match=r"it has \d+x\d+ pixels, 10 are the most"):
        preview(PNG, SIDE)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"<svg/>", PNG[:16], PNG[:60], b"\xff\xd8\xff" + bytes(99)])
def test_what_is_no_picture_has_no_preview(data: bytes) -> None:
    """Pillow knows a hundred kinds, of which most are asked for by those who look for a hole."""
    with pytest.raises(BrokenResultError, match="it cannot be shown"):
        preview(data, SIDE)
