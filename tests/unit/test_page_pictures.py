"""The pictures of the page with which README.md opens."""

from __future__ import annotations

import re

import pytest
from PIL import Image

from scripts.page_pictures import DOCS, PICTURES, SCHEMES, Picture
from workers.stack.child import ROOT

README = (ROOT / "README.md").read_text()
SHOWN = re.compile(
    r'<picture><source media="\(prefers-color-scheme: dark\)" srcset="docs/([\w-]+)-dark\.png">'
    r'<img src="docs/([\w-]+)\.png" alt="([^"]+)"(?: width="\d+")?></picture>'
)


def test_the_readme_opens_with_the_page() -> None:
    """Each picture light and dark, told in words too, before anything is explained."""
    shown = SHOWN.findall(README.partition("## How it works")[0])
    assert sorted(light for _, light, _ in shown) == sorted(picture.name for picture in PICTURES)
    for dark, light, words in shown:
        assert dark == light
        assert len(words.split()) > 10
    assert README.index("scripts/demo ") < README.index("<picture>"), "the two commands come first"


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_the_pictures_are_light_and_alike_in_both_schemes(picture: Picture) -> None:
    """Less than 250 kB each."""
    files = [DOCS / f"{picture.name}{ending}.png" for ending in SCHEMES.values()]
    assert [file.stat().st_size < 250_000 for file in files] == [True, True]
    sizes = []
    for file in files:
        with Image.open(file) as found:
            sizes.append(found.size)
    assert abs(sizes[0][1] - sizes[1][1]) < 60, "a line of text may break elsewhere"
    assert sizes[0][0] == sizes[1][0]
