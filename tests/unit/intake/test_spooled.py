"""What is kept of a body of a million lines while it is checked: the same as in memory, in the memory of a few."""

from __future__ import annotations

import sqlite3

import pytest

from retouch.intake import spooled
from retouch.intake.spooled import MAX_IN_MEMORY, SpooledEntries, SpooledPlaces
from retouch.ledger import Entry

HALF = "half of an emoji \ud83d"


@pytest.mark.parametrize("count", [1, MAX_IN_MEMORY // 20])
def test_entries_come_back_as_they_were(count: int) -> None:
    """In their order, again and again, in memory or on disk."""
    given = [(number, Entry(f"e{number}", "digest", '{"prompt": "ö"}', 1, number or None)) for number in range(count)]
    with SpooledEntries() as entries:
        for one in given:
            entries.append(one)
        assert list(entries) == list(entries) == given
        assert len(entries) == count


@pytest.mark.parametrize("in_memory", [1000, 3, 0])
def test_the_first_place_of_each_id_is_known(monkeypatch: pytest.MonkeyPatch, in_memory: int) -> None:
    """Whatever the id is, and also of those that were met before the rest went to disk; as a dict would tell."""
    monkeypatch.setattr(spooled, "MAX_PLACES", in_memory)
    ids = ["a", "b", "A", "", "b", HALF, "nul \0", "nul ", HALF, "a", "c", "c"]
    known: dict[str, int | str] = {}
    with SpooledPlaces() as places:
        for number, custom_id in enumerate(ids):
            place = number if number % 2 else f"picture {number}"
            assert places.setdefault(custom_id, place) == known.setdefault(custom_id, place)
        places.clear()
        assert places.setdefault("a", 99) == 99


def test_a_full_disk_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with the entries, so that the sender is told to come again."""
    monkeypatch.setattr(spooled, "MAX_PLACES", 0)

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with SpooledPlaces() as places:
        places.setdefault("a", 1)
        monkeypatch.setattr(spooled, "_set_default", full)
        with pytest.raises(OSError, match="disk is full"):
            places.setdefault("b", 2)
