"""The stand-in: a real edit of a real picture, the same each time, and careful with what it is given."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from retouch.edit import Parameters
from workers.endpoint import picture
from workers.endpoint.engine import RenderError
from workers.endpoint.looks import PALETTES, TECHNIQUES, Look, choose
from workers.endpoint.stand_in import draw


def photo(size: tuple[int, int] = (160, 120), kind: str = "PNG", **options: object) -> bytes:
    """A picture with light, colour and detail."""
    base = Image.radial_gradient("L").resize(size)
    image = Image.merge("RGB", (base, base.rotate(90), Image.linear_gradient("L").resize(size)))
    image.paste("red", (10, 10, size[0] // 2, size[1] // 2))
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


INIT = photo()


def render(init: bytes = INIT, **fields: Any) -> list[Image.Image]:
    parameters = Parameters(**{"prompt": "a cat", "width": 96, "height": 64, **fields})
    return [Image.open(io.BytesIO(data)) for data in draw(parameters, init)]


def distance(a: Image.Image, b: Image.Image) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(a.convert("RGB"), b.convert("RGB"))).mean)


def test_the_same_request_gives_the_same_bytes() -> None:
    """A repeated edit can be told by its checksum."""
    parameters = Parameters(prompt="a cat", seed=4, samples=2)
    assert draw(parameters, INIT) == draw(parameters, INIT)


@pytest.mark.parametrize(
    "change", [{"prompt": "neon night"}, {"seed": 5}, {"strength": 0.2}, {"init": photo((50, 90))}]
)
def test_every_parameter_shows(change: dict[str, Any]) -> None:
    """Prompt, seed, strength and image each change the picture."""
    same: dict[str, Any] = {"seed": 4, "prompt": "oil painting"}
    assert distance(render(**same)[0], render(**(same | change))[0]) > 1


def test_strength_zero_only_resizes() -> None:
    """The amount of the edit runs from none at all upward."""
    resized = picture.decode(INIT, (96, 64))
    distances = [distance(resized, render(strength=strength)[0]) for strength in (0.0, 0.3, 0.8)]
    assert distances[0] == 0
    assert distances[1] < distances[2]


def test_samples_differ_and_follow_the_seed() -> None:
    """The second sample of a seed is the first of the next seed, as with a real model."""
    first, second = render(samples=2, seed=8)
    assert distance(first, second) > 1
    assert distance(second, render(seed=9)[0]) == 0


def test_the_default_size_is_512() -> None:
    """Without width and height the contract's best size is made."""
    assert render(width=None, height=None)[0].size == (512, 512)


def test_a_picture_says_that_a_stand_in_made_it() -> None:
    """It must never pass for a model's work."""
    texts = render()[0].info
    assert texts["Software"] == "retouch-stand-in 1"
    assert "not by a diffusion model" in texts["Comment"]


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (64, 64)])
@pytest.mark.parametrize("technique", TECHNIQUES)
def test_every_look_takes_every_size(technique: str, size: tuple[int, int]) -> None:
    """No shape breaks a technique, and none changes the size."""
    image = picture.decode(INIT, size)
    assert Look(technique, "ember").apply(image, 0.8, "seed").size == size


def test_words_choose_the_look() -> None:
    """Common words are understood; whatever else is asked for, some look is always found."""
    assert choose("An OIL painting of a sunset") == Look("brush", "ember")
    assert choose("winter, pencil sketch") == Look("sketch", "frost")
    found = {choose(f"prompt {number}") for number in range(200)}
    assert {look.technique for look in found} == set(TECHNIQUES)
    assert {look.palette for look in found} == set(PALETTES)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_three_kinds_are_read(kind: str) -> None:
    """By their content; no name tells."""
    assert picture.decode(photo(kind=kind), (32, 32)).mode == "RGB"


def test_a_turned_photo_is_put_upright() -> None:
    """EXIF orientation 6: the camera was held on its side."""
    image = Image.new("RGB", (40, 20), "blue")
    image.paste("red", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)
    upright = picture.decode(buffer.getvalue(), (20, 40))
    assert upright.getpixel((10, 5)) == (255, 0, 0)
    assert upright.getpixel((10, 35)) == (0, 0, 255)


def test_transparency_becomes_white() -> None:
    """What was see-through must not turn up as black."""
    buffer = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(buffer, "PNG")
    assert picture.decode(buffer.getvalue(), (8, 8)).getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("depth", "colours", "pixel", "expected"),
    [
        (16, 0, (0x4080,), (0x40, 0x40, 0x40)),
        (16, 0, (0xFFFF,), (255, 255, 255)),
        (16, 2, (0x4080, 0, 0xFFFF), (0x40, 0, 255)),
        (16, 4, (0x4080, 0xFFFF), (0x40, 0x40, 0x40)),
        (16, 6, (0x4080, 0, 0xFFFF, 0xFFFF), (0x40, 0, 255)),
    ],
    ids=["grey", "white", "colours", "grey with transparency", "colours with transparency"],
)
def test_pictures_of_16_bit_keep_their_lights(
    depth: int, colours: int, pixel: tuple[int, ...], expected: tuple[int, int, int]
) -> None:
    """By their upper 8 bit; scanners and depth cameras write such."""
    row = b"\0" + struct.pack(f">{len(pixel)}H", *pixel) * 8
    data = _png(8, depth, colours, row * 8)
    assert picture.decode(data, (8, 8)).getpixel((4, 4)) == expected


def test_a_see_through_level_of_16_bit_is_seen() -> None:
    """A picture of such grey is taken; which one of 65,536 levels is see-through does not matter to it."""
    row = b"\0" + struct.pack(">H", 0x4080) * 8
    data = _png(8, 16, 0, row * 8, _chunk(b"tRNS", struct.pack(">H", 0x40)))
    assert picture.decode(data, (8, 8)).getpixel((4, 4)) == (0x40, 0x40, 0x40)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(side: int, depth: int, colours: int, rows: bytes, before: bytes = b"") -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + before + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _bomb(side: int) -> bytes:
    return _png(side, 8, 2, b"")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a whole"),
        (b"<html>", "not a whole"),
        (INIT[: len(INIT) // 2], "not a whole"),
        (photo(kind="GIF"), "not a whole"),
        (_bomb(7_000), "million pixels"),
        (_bomb(50_000), "million pixels"),
        (bytes(picture.MAX_BYTES + 1), "larger than 32 MiB"),
    ],
    ids=["empty", "html", "half", "gif", "large", "bomb", "heavy"],
)
def test_what_is_no_picture_is_refused(data: bytes, said: str) -> None:
    """In one sentence for the caller, before much is unpacked."""
    with pytest.raises(RenderError, match=said):
        picture.decode(data, (32, 32))
