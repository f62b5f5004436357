"""Ids that are made of paths."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.edit import CUSTOM_ID_PATTERN, RESERVED_CUSTOM_IDS
from retouch.intake.custom_ids import custom_id_for


def sha(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:6]


@pytest.mark.parametrize("name", ["cat", "IMG_1234", "a-b", "photo.v2", "x" * 64, "_x", "-x"])
def test_a_name_that_can_be_an_id_is_one(name: str) -> None:
    """It tells the path back, so nothing is added."""
    assert custom_id_for(name, f"{name}.jpg") == name


@pytest.mark.parametrize(
    ("name", "remains"),
    [
        ("a/b", "a-b"),
        ("my cat", "my-cat"),
        ("photo (1)", "photo--1-"),
        ("日本", "--"),
        ("x" * 65, "x" * 57),
        (".hidden", "-hidden"),
        ("..", "-."),
        ("_SUCCESS", "_SUCCESS"),
        ("manifest.jsonl", "manifest.jsonl"),
    ],
)
def test_what_a_name_loses_is_told_by_a_hash(name: str, remains: str) -> None:
    """Of the whole path, its extension included."""
    assert custom_id_for(name, f"{name}.jpg") == f"{remains}-{sha(f'{name}.jpg')}"


@given(st.text(min_size=1))
def test_any_name_becomes_a_valid_id(name: str) -> None:
    """Whatever signs it has, and however long it is."""
    made = custom_id_for(name, name)
    assert CUSTOM_ID_PATTERN.fullmatch(made)
    assert made not in RESERVED_CUSTOM_IDS


def test_paths_that_look_alike_have_different_ids() -> None:
    """What would be one id by its signs alone."""
    names = ["a/b", "a-b", "a b", "a_b", "é", "è", "ab", "x" * 70, "x" * 71]
    assert len({custom_id_for(name, f"{name}.jpg") for name in names}) == len(names)
