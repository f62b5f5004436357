"""Pictures of 16 bit: scanners, microscopes and depth cameras write them as grey PNGs."""

from __future__ import annotations

from PIL import Image


def eight_bit(picture: Image.Image) -> Image.Image:
    """The picture with 8 bit a channel; most have that already.

    Pillow takes the upper 8 of 16 bit itself where there are colours or transparency. Of grey alone it keeps 16, and
    cuts them at 255 where it converts them: nearly all becomes white.
    """
    if not picture.mode.startswith("I"):
        return picture
    grey = picture.convert("I").point(lambda level: level / 256).convert("L")
    grey.info.pop("transparency", None)  # one of 65,536 levels, which has no place among 256
    return grey
