"""What lies in a bucket is seen as a notification of it would tell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from retouch.errors import StoreUnavailableError
from retouch.media.store import Found
from retouch.triggers.notifications import NewObject
from retouch.triggers.recipe_file import parse_recipe
from retouch.triggers.scanning import matching, seen

AT = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
RECIPE = parse_recipe("r", {"bucket": "photos", "key": "in/{name}.png", "batch": "b", "edit": {"prompt": "x"}})


class Listed:
    """A bucket of these objects, in pages of two."""

    def __init__(self, *objects: Found) -> None:
        self.objects = objects
        self.asked: list[str] = []
        self.trouble: Exception | None = None

    async def pages(self, folder: str) -> AsyncIterator[list[Found]]:
        found = [each for each in self.objects if each.key.startswith(folder)]
        for at in range(0, len(found), 2):
            yield found[at : at + 2]

    async def find(self, key: str) -> Found | None:
        self.asked.append(key)
        if self.trouble:
            raise self.trouble
        return next((each for each in self.objects if each.key == key), None)

    async def read_range(self, key: str, start: int, length: int) -> tuple[bytes, int]:
        raise AssertionError(key, start, length)


def test_keys_are_found_page_by_page_below_the_folder() -> None:
    """Those alone that the recipe takes; a page without any is passed over, and what follows is found."""
    names = ("in/a.png", "in/b.png", "in/c.txt", "in/d/e.png", "in/f.png", "out/g.png")
    store = Listed(*(Found(name, 1, AT) for name in names))
    assert list(matching(store, RECIPE, "in/")) == [["in/a.png", "in/b.png"], ["in/f.png"]]
    assert store.asked == []


@pytest.mark.parametrize(("version", "read"), [("v1", "v1"), ("null", ""), ("", "")])
def test_an_object_is_seen_with_its_version(version: str, read: str) -> None:
    """As its notification has it: none is told of an object without one. What is gone is left out."""
    store = Listed(Found("in/a.png", 7, AT, "e", version))
    assert seen(store, "photos", ["in/a.png", "in/gone.png"]) == [NewObject("photos", "in/a.png", read, "e", 7, AT)]


def test_an_outage_is_raised() -> None:
    """What is not seen is not taken for gone."""
    store = Listed()
    store.trouble = StoreUnavailableError("no answer")
    with pytest.raises(StoreUnavailableError, match="no answer"):
        seen(store, "photos", ["in/a.png"])
