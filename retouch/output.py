"""An image that a result consists of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Blank = bool | Literal["suspect"]


@dataclass(frozen=True, slots=True)
class Output:
    """An image in S3. ``bytes`` is its length, ``sha256`` is hexadecimal, width and height are in pixels.

    ``blank``: whether it is black, or of one colour: a filter of the API, or a failure of its model, leaves that.
    ``"suspect"``: it takes so few bytes that it may be; it was not possible to look at its pixels.
    ``filtered``: the API says that its safety filter took the picture away.
    """

    uri: str
    sha256: str
    bytes: int
    width: int
    height: int
    content_type: str
    blank: Blank = False
    filtered: bool = False
