"""Letters are drawn by a font that has them; none is a box."""

from __future__ import annotations

from functools import partial
from typing import cast

import pytest

from retouch.media import fonts
from retouch.media.fonts import Font, Typeface, typeface


class Drawn(bytes):
    """What a font draws."""

    size = (1, 1)


class Alphabet:
    """A font of these letters alone."""

    def __init__(self, letters: str) -> None:
        self._letters = letters

    def getmask(self, letter: str) -> Drawn:
        return Drawn(letter.encode() if letter in self._letters else b"box")


def font_of(letters: str, _size: int) -> Font:
    return cast("Font", Alphabet(letters))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Typeface]:
    """Three fonts beside Pillow's own, each with letters of its own."""
    letters = {"latin": "abcäöü…", "russian": "abcäщиж…", "japanese": "abc猫…"}
    faces = {name: Typeface(partial(font_of, has)) for name, has in letters.items()}
    monkeypatch.setattr(fonts, "INSTALLED", ("none", *faces))
    monkeypatch.setattr(fonts, "_installed", faces.get)
    return faces


@pytest.mark.parametrize(
    ("text", "chosen"),
    [("abcäö", "latin"), ("щиж", "russian"), ("猫", "japanese"), ("щиж猫", "russian"), ("猫猫猫b", "japanese")],
)
def test_the_font_that_has_all_letters_is_chosen_or_that_which_lacks_the_fewest(
    installed: dict[str, Typeface], text: str, chosen: str
) -> None:
    """Of those that are installed."""
    assert typeface(text) is installed[chosen]


def test_pillows_own_font_is_chosen_if_it_has_all_letters(installed: dict[str, Typeface]) -> None:
    """So a sheet of plain letters looks the same everywhere."""
    assert typeface("An oil painting, 50 % (“warm”)…") not in installed.values()


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("größer", "grosser"),
        ("cafe\u0301 \u2013 Łódź", "cafe - Lodz"),
        ("猫 im Haus", "? im Haus"),
        ("Щиж", "???"),
        ("a\u200d\ufe0fb", "ab"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_what_no_font_has_loses_its_accents_or_is_a_question_mark(
    monkeypatch: pytest.MonkeyPatch, text: str, spelled: str
) -> None:
    """Never a box, and never a crash."""
    monkeypatch.setattr(fonts, "INSTALLED", ("no such font.ttf",))
    assert typeface(text).spelled(text) == spelled


def test_an_accent_that_stands_apart_is_one_letter_with_its_own(installed: dict[str, Typeface]) -> None:
    """As file names of a Mac have it."""
    assert typeface("a\u0308") is installed["latin"]
    assert installed["latin"].spelled("a\u0308") == "ä"
