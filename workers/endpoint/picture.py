"""Bytes to picture and back. Input is not trusted: it is checked before it is decoded."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping

from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from retouch.media.depth import eight_bit
from workers.endpoint.engine import RenderError

MAX_BYTES = 32 << 20  # of an init_image
MAX_PIXELS = 40_000_000  # of an init_image, from its header, before anything is unpacked
DEFAULT_SIDE = 512  # pixels, where no width or height is asked for
_FORMATS = ("PNG", "JPEG", "WEBP")


def decode(data: bytes, size: tuple[int, int]) -> Image.Image:
    """Return the picture upright, in RGB, cropped about its centre and resized to ``size``.

    Raises RenderError, saying what is wrong with the data.
    """
    if len(data) > MAX_BYTES:
        raise RenderError(f"init_image is larger than {MAX_BYTES >> 20} MiB")
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            warnings.simplefilter("ignore")  # our own limit is lower than Pillow's warning
            if image.width * image.height <= MAX_PIXELS:
                return _unpacked(image, size)
    except Image.DecompressionBombError:
        pass  # Pillow's own limit, far above ours
    except Exception:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more
        raise RenderError("init_image is not a whole PNG, JPEG or WebP image") from None
    raise RenderError(f"init_image has more than {MAX_PIXELS // 1_000_000} million pixels")


def _unpacked(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    image.draft("RGB", (2 * max(size), 2 * max(size)))  # a large JPEG is unpacked at a fraction of its size
    return ImageOps.fit(_rgb(ImageOps.exif_transpose(image)), size, Image.Resampling.LANCZOS)


def encode(image: Image.Image, texts: Mapping[str, str]) -> bytes:
    """Return the picture as PNG with these text chunks; quick rather than small."""
    info = PngInfo()
    for name, text in texts.items():
        info.add_itxt(name, text)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1, pnginfo=info)
    return buffer.getvalue()


def _rgb(image: Image.Image) -> Image.Image:
    image = eight_bit(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    page = Image.new("RGBA", layer.size, "white")
    page.alpha_composite(layer)
    return page.convert("RGB")
