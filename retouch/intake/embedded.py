"""Pictures that stand in the text itself: a data URI, or base64."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from urllib.parse import unquote

from retouch.errors import InputError
from retouch.media import images

MAX_TEXT = (images.MAX_BYTES + 2) // 3 * 4 + 1024  # characters of the largest picture, with what stands before it
_BLANK = re.compile(r"\s+")
_URL_SAFE = str.maketrans("-_", "+/")


def decode(text: str) -> tuple[bytes, str]:
    """The picture's bytes, and what a message may show of it; raises InputError. Its bytes tell its type later."""
    head, _, data = text.partition(",") if text[:5].lower() == "data:" else ("", "", text)
    said = f"{head[:60]},…" if head else "the base64"
    if head and not head.lower().rstrip().endswith(";base64"):
        raise InputError(f"{said} is a data URI without base64; write data:image/png;base64,…")
    if len(data) > MAX_TEXT:
        raise InputError(f"{said} is larger than {images.MAX_BYTES} bytes")
    data = _BLANK.sub("", unquote(data) if "%" in data else data).translate(_URL_SAFE).rstrip("=")
    try:
        picture = b64decode(data + "=" * (-len(data) % 4), validate=True)
    except binascii.Error:
        raise InputError(f"{said} is not base64: it is cut, or other characters are in it") from None
    return picture, f"{head[:60] or _head_of(picture)},… ({len(picture):,} bytes)"


def _head_of(picture: bytes) -> str:
    kind = images.kind_of(picture[:12])
    return f"data:{kind.content_type if kind else 'application/octet-stream'};base64"
