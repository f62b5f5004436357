"""The letters on a sheet: a font that has them, and what is drawn where no font does."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import cache

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Pillow looks for such files in the folders of the system's fonts. Those with Latin, Greek and Cyrillic come first.
INSTALLED = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "FreeSans.ttf", "arial.ttf"),
    *("Arial Unicode.ttf", "NotoSansCJK-Regular.ttc", "wqy-zenhei.ttc", "msyh.ttc", "malgun.ttf", "YuGothM.ttc"),
)
NO_LETTER = "\uffff"  # what a font draws for it, it draws for all that it does not have
UNKNOWN = "?"
PLAIN = {"\u2013": "-", "\u2014": "-", "ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
_SAMPLE = 20  # pixels


class Typeface:
    """One font in all sizes."""

    def __init__(self, load: Callable[[int], Font]) -> None:
        self.at = cache(load)
        self._none = self._drawn(NO_LETTER)

    def has(self, letter: str) -> bool:
        """Whether it can draw this letter."""
        return letter.isspace() or self._drawn(letter) != self._none

    def spelled(self, text: str) -> str:
        """``text`` in letters that it has: without accents, or ``?``, where it lacks one."""
        return "".join(letter if self.has(letter) else self._instead(letter) for letter in _composed(text))

    def _instead(self, letter: str) -> str:
        plain = PLAIN.get(letter) or "".join(c for c in unicodedata.normalize("NFKD", letter) if not _joins(c))
        return plain if all(map(self.has, plain)) else UNKNOWN

    def _drawn(self, letter: str) -> tuple[tuple[int, int], bytes]:
        mask = self.at(_SAMPLE).getmask(letter)
        return mask.size, bytes(mask)


def typeface(text: str) -> Typeface:
    """Pillow's own font if it has all letters of ``text``; else the installed one that lacks the fewest."""
    letters = set(_composed(text))
    best, least = _own(), len(letters) + 1
    for face in _all():
        lacking = sum(not face.has(letter) for letter in letters)
        if lacking < least:
            best, least = face, lacking
        if not lacking:
            break
    return best


def _all() -> Iterator[Typeface]:
    yield _own()
    yield from filter(None, map(_installed, INSTALLED))


@cache
def _own() -> Typeface:
    return Typeface(ImageFont.load_default)


@cache
def _installed(name: str) -> Typeface | None:
    try:
        return Typeface(lambda size: ImageFont.truetype(name, size))
    except (OSError, ImportError):  # there is none, or Pillow is built without FreeType
        return None


def _composed(text: str) -> str:
    """Letters with their accents as one (paths of a Mac have them apart)."""
    return unicodedata.normalize("NFC", text)


def _joins(letter: str) -> bool:
    """Whether it only changes the letter before it, or is not seen."""
    return unicodedata.category(letter)[0] in "MC"
