"""The names of pictures that a browser saves."""

from __future__ import annotations

import pytest

from workers.gateway.saved_names import SavedNames, saved_name


@pytest.mark.parametrize(
    ("custom_id", "number", "name"),
    [
        ("cat-1", 0, "cat-1.png"),
        ("cat-1", 2, "cat-1.2.png"),
        ("nul", 0, "_nul.png"),
        ("AUX.seed-1", 0, "_AUX.seed-1.png"),
        ("com1", 1, "_com1.1.png"),
        ("auxiliary", 0, "auxiliary.png"),
    ],
)
def test_a_file_is_named_as_its_edit(custom_id: str, number: int, name: str) -> None:
    """But for what Windows has for devices."""
    assert saved_name(custom_id, number, "png") == name


def test_no_two_files_of_a_folder_have_one_name() -> None:
    """Nor one that differs in case alone, or one that another edit has by its own name."""
    names = SavedNames()
    wanted = [("a", 0), ("A", 0), ("a", 1), ("a.1", 0), ("a-2", 0)]
    assert [names.take(*one, "png") for one in wanted] == ["a.png", "A-2.png", "a.1.png", "a.1-2.png", "a-2-2.png"]
