"""Pictures as people have them, each with what is right for it: as a result of the API, and as a local file."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "pictures"


def field(name: str) -> bytes:
    """One of the files in ``tests/pictures``."""
    return (FOLDER / name).read_bytes()


def chunk(name: bytes, body: bytes) -> bytes:
    """A PNG chunk with a true checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_workflow(png: bytes, length: int) -> bytes:
    """The same PNG with a text of this length before the pixels, as ComfyUI writes its workflow."""
    return png[:33] + chunk(b"tEXt", b"workflow\0" + b"x" * length) + png[33:]


# What is taken, with its type and size. The last ones have more metadata than is held in memory at a time.
WHOLE: dict[str, tuple[bytes, str, tuple[int, int]]] = {
    "motion-photo": (field("motion-photo-google.jpg"), "image/jpeg", (512, 512)),
    "trailing-newline": (field("trailing-newline.jpg"), "image/jpeg", (512, 512)),
    "trailing-zeros": (field("trailing-newline.jpg")[:-2] + bytes(4096), "image/jpeg", (512, 512)),
    "trailing-data": (field("trailing-data.png"), "image/png", (128, 128)),
    "trailing-webp": (field("lossless.webp") + b"\r\n", "image/webp", (64, 64)),
    "gain-map": (field("mpf-gainmap.jpg"), "image/jpeg", (512, 512)),
    "gain-map-cut": (field("mpf-gainmap.jpg")[:-400], "image/jpeg", (512, 512)),  # the picture itself is there
    "wrong-extension": (field("wrong-extension.png"), "image/jpeg", (512, 512)),
    "rotated": (field("exif-rotated.jpg"), "image/jpeg", (400, 300)),
    "sixteen-bit": (field("sixteen-bit.png"), "image/png", (64, 64)),
    "palette": (field("palette.png"), "image/png", (64, 64)),
    "animated": (field("animated.webp"), "image/webp", (64, 64)),
    "lossless": (field("lossless.webp"), "image/webp", (64, 64)),
    "black": (field("black-nsfw.png"), "image/png", (64, 64)),
    "workflow": (with_workflow(field("trailing-data.png"), 500_000), "image/png", (128, 128)),
    "workflow-large": (with_workflow(field("palette.png"), 3_000_000), "image/png", (64, 64)),
    "workflow-black": (with_workflow(field("black-nsfw.png"), 3_000_000), "image/png", (64, 64)),
}
BLANK = {"sixteen-bit", "black", "workflow-black"}

# What is refused, with words that say why.
REFUSED: dict[str, tuple[bytes, str]] = {
    "cut": (field("cut.jpg"), "truncated"),
    "cut-png": (field("trailing-data.png")[:9000], "truncated"),
    "cut-webp": (field("lossless.webp")[:-1], "truncated"),
    "cut-and-another": (field("cut.jpg") + field("exif-rotated.jpg"), "truncated"),
    "cut-workflow": (with_workflow(field("palette.png"), 3_000_000)[:-20], "truncated"),
    "avif": (field("result.avif"), "AVIF"),
    "gif": (field("result.gif"), "GIF"),
}
