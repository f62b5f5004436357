"""What is told of pictures that are black, or of one colour."""

from __future__ import annotations

import io
import random
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from retouch.media import blank
from retouch.media.blank import look
from retouch.media.formats.png_pixels import one_colour
from retouch.media.images import inspect
from tests.harness.pictures import BLANK, WHOLE, chunk, field

pytestmark = pytest.mark.anyio

SIZE = (96, 80)
COLOURS = [(0, 0, 0), (255, 255, 255), (37, 90, 200)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def no_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker as it is installed."""
    monkeypatch.setattr(blank, "Image", None)


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def photograph() -> Image.Image:
    return Image.open(io.BytesIO(field("trailing-newline.jpg"))).resize(SIZE)


@pytest.mark.parametrize("name", WHOLE)
async def test_pictures_of_the_field(name: str) -> None:
    """Only those of one colour are blank; a workflow in the metadata hides none."""
    data = WHOLE[name][0]
    assert await look(inspect(data), data) is (name in BLANK)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
async def test_a_png_of_one_colour_is_blank_for_certain(
    mode: str, colour: tuple[int, int, int], no_pillow: None
) -> None:
    """In every mode that generators write; and one pixel that differs is enough not to be."""
    picture = Image.new("RGB", SIZE, colour).convert("L" if mode == "I;16" else mode, dither=Image.Dither.NONE)
    picture = Image.new(mode, SIZE, colour[1] * 257) if mode == "I;16" else picture
    data = saved(picture, "PNG")
    assert await look(inspect(data)) is True
    other = picture.copy()
    was: Any = picture.getpixel((0, 0))
    other.putpixel((SIZE[0] - 1, SIZE[1] - 1), 255 - was if isinstance(was, int) else (255 - was[0], *was[1:]))
    data = saved(other, "PNG")
    assert await look(inspect(data)) is False


@pytest.mark.parametrize(
    "options", [{}, {"subsampling": 0}, {"progressive": True}, {"quality": 95}, {"optimize": True}]
)
@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("side", [64, 512])
async def test_a_jpeg_of_one_colour(
    side: int, colour: tuple[int, int, int], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blank where Pillow can look, else suspect: for a person to look at."""
    data = saved(Image.new("RGB", (side, side), colour), "JPEG", **options) + b"\r\n"
    assert await look(inspect(data), data) is True
    assert await look(inspect(data)) == "suspect"  # streamed: it is not in memory any more
    monkeypatch.setattr(blank, "Image", None)
    assert await look(inspect(data), data) == "suspect"


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"quality": 95}])
@pytest.mark.parametrize("colour", COLOURS)
async def test_a_webp_of_one_colour(
    colour: tuple[int, int, int], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same of WebP."""
    data = saved(Image.new("RGB", (512, 512), colour), "WEBP", **options)
    assert await look(inspect(data), data) is True
    monkeypatch.setattr(blank, "Image", None)
    assert await look(inspect(data), data) == "suspect"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_a_photograph_is_not_even_looked_at(kind: str) -> None:
    """Its bytes a pixel say enough, with metadata or without."""
    assert inspect(saved(photograph(), kind)).sparse is None


async def test_a_smooth_picture_is_not_blank(no_pillow: None) -> None:
    """A gradient takes next to no bytes in a PNG: its pixels are looked at."""
    data = saved(Image.linear_gradient("L").resize((512, 512)), "PNG")
    assert inspect(data).sparse is not None
    assert await look(inspect(data)) is False


async def test_a_webp_that_moves_is_left_to_people() -> None:
    """Its first picture may be black, and the others not."""
    frames = [Image.new("RGB", (512, 512), colour) for colour in ("black", "red")]
    data = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    assert await look(inspect(data), data) == "suspect"


@pytest.mark.parametrize("pixels", [b"no zlib", zlib.compress(bytes(50)), zlib.compress(b"\x05" + bytes(40_000))])
async def test_pixels_that_cannot_be_read_are_suspect(pixels: bytes) -> None:
    """Damaged, too few, or of a filter that there is not: whole by its end, and blank or not, nobody knows."""
    header = struct.pack(">IIBBBBB", 100, 100, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    assert await look(inspect(data), data) == "suspect"


# --- against decoding by the specification -------------------------------------------------------

DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # by colour type
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = [(colour_type, depth) for colour_type, depths in DEPTHS.items() for depth in depths]
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def paeth(a: int, b: int, c: int) -> int:
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


def filtered(kind: int, row: bytes, above: bytes, step: int) -> bytes:
    out = bytearray([kind])
    for at, value in enumerate(row):
        a, c = (row[at - step], above[at - step]) if at >= step else (0, 0)
        b = above[at]
        out.append((value - (0, a, b, (a + b) // 2, paeth(a, b, c))[kind]) & 0xFF)
    return bytes(out)


def encoded(pixels: list[list[int]], bits: int, draw: random.Random) -> bytes:
    """Rows of pixels, each filtered in a way drawn for it, with anything in the bits behind the last pixel."""
    out, above = b"", b""
    for values in pixels:
        spare = -len(values) * bits % 8
        number = 0
        for value in values:
            number = number << bits | value
        number = number << spare | draw.getrandbits(spare)
        row = number.to_bytes((len(values) * bits + spare) // 8)
        out += filtered(draw.randrange(5), row, above or bytes(len(row)), max(1, bits // 8))
        above = row
    return out


@given(
    st.sampled_from(KINDS),
    st.integers(1, 20),
    st.integers(1, 20),
    st.booleans(),
    st.none() | st.tuples(st.integers(0, 19), st.integers(0, 19)),
    st.randoms(use_true_random=False),
)
def test_one_colour_is_what_the_specification_says(
    kind: tuple[int, int], width: int, height: int, interlaced: bool, odd: tuple[int, int] | None, draw: random.Random
) -> None:
    """Every colour type, depth and filter, interlaced or not: all pixels are equal, or one differs in one bit."""
    colour_type, depth = kind
    bits = depth * CHANNELS[colour_type]
    colour = draw.getrandbits(bits)
    pixels = [[colour] * width for _ in range(height)]
    if odd and width * height > 1:
        pixels[odd[1] % height][odd[0] % width] ^= 1 << draw.randrange(bits)
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    rows = [[row[x::dx] for row in pixels[y::dy] if row[x::dx]] for x, y, dx, dy in passes]
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced)
    packed = zlib.compress(b"".join(encoded(part, bits, draw) for part in rows))
    assert one_colour(header + packed) is (odd is None or width * height == 1)


@given(st.binary(min_size=13, max_size=200))
def test_any_bytes_are_one_colour_or_not_or_unreadable(data: bytes) -> None:
    """Nothing is raised, whatever the header and the pixels are."""
    header = bytes([0, 0, data[2] % 2, data[3] or 1, 0, 0, data[6] % 2, data[7] or 1, *data[8:13]])
    assert one_colour(header + data[13:]) in (True, False, None)
