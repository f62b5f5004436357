"""Finds pictures that are black, or of one colour: what a safety filter, or a model that failed, leaves."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor

from retouch.media.formats.png_pixels import one_colour
from retouch.media.images import ImageInfo
from retouch.output import Blank

try:
    from PIL import Image
except ImportError:  # it belongs to no worker's installation; where it is, it settles JPEG and WebP
    Image = None  # type: ignore[assignment] # a module, else

TOLERANCE = 8  # of 255: how far one colour is from itself where compression loses something

_ONE_AT_A_TIME = ThreadPoolExecutor(1, "blank")  # a picture of 4096x4096 takes 64 MiB when Pillow has decoded it


async def look(info: ImageInfo, data: bytes | None = None) -> Blank:
    """Whether a picture is black, or of one colour; ``data``: all of it, if it is in memory.

    Nearly all have too many bytes a pixel, and are not looked at. The others are, in a thread; "suspect" where that is
    not possible.
    """
    if info.sparse is None:
        return False
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_ONE_AT_A_TIME, _examined, info.extension, info.sparse, data)


def _examined(extension: str, sparse: bytes, data: bytes | None) -> Blank:
    known = one_colour(sparse) if extension == "png" else _decoded(data)
    return "suspect" if known is None else known


def _decoded(data: bytes | None) -> bool | None:
    if Image is None or data is None:
        return None
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "WEBP")) as picture:
            if picture.format == "WEBP" and getattr(picture, "n_frames", 1) > 1:
                return None
            extrema = picture.getextrema()
    except Exception:  # whatever the decoder says: there is nothing to look at
        return None
    bands = extrema if isinstance(extrema[0], tuple) else (extrema,)
    spread = max(high - low for low, high in bands)
    return None if TOLERANCE < spread <= 2 * TOLERANCE else spread <= TOLERANCE
