"""Small copies of pictures, upright."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from retouch.errors import BrokenResultError
from retouch.media.depth import eight_bit
from retouch.media.images import kind_of

MOST_PIXELS = 50_000_000  # as cameras make them; a decoder may need six bytes for each
_QUALITY = 82  # of a JPEG: some 6 kB at 160 pixels
_TROUBLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning)


def thumbnail(data: bytes, side: int) -> Image.Image:
    """A copy that fits into a square of so many pixels; raises BrokenResultError if the picture cannot be read."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.draft("RGB", (2 * side, 2 * side))  # of a JPEG not more is decoded than is shown
            plain = eight_bit(picture)
            coloured = plain if plain.mode == "RGB" else plain.convert("RGB")
            small = ImageOps.contain(coloured, (side, side), Image.Resampling.LANCZOS)
            return ImageOps.exif_transpose(small)  # the small one: each copy of a large one takes 200 MB
    except _TROUBLE as error:
        raise BrokenResultError(f"it cannot be shown: {error}") from None


def preview(data: bytes, side: int) -> bytes:
    """The same as a JPEG, of a picture that anybody may have made; it is not larger than the picture.

    Raises BrokenResultError for what is no PNG, JPEG or WebP, and for more than MOST_PIXELS, which are not decoded.
    """
    kind = kind_of(data[:12])
    if kind is None:
        raise BrokenResultError("it cannot be shown: it is no PNG, JPEG or WebP")
    width, height = _size(data, kind.content_type.removeprefix("image/").upper())
    if width * height > MOST_PIXELS:
        raise BrokenResultError(f"it cannot be shown: it has {width}x{height} pixels, {MOST_PIXELS:,} are the most")
    out = io.BytesIO()
    thumbnail(data, min(side, max(width, height))).save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _size(data: bytes, format_: str) -> tuple[int, int]:
    """What its header says."""
    try:
        with Image.open(io.BytesIO(data), formats=(format_,)) as picture:
            return picture.size
    except _TROUBLE as error:
        raise BrokenResultError(f"it cannot be shown: {error}") from None
