"""The planted bugs of ``scripts/mutate`` still have their places in the code."""

from __future__ import annotations

import ast
from pathlib import Path

import lupa.lua51 as lupa  # the version that Redis runs; fakeredis brings it
import pytest

from scripts.mutation.mutations import FOLDER, ROOT, Mutation, StaleError, load

MUTATIONS = load()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.name for mutation in MUTATIONS])
def test_a_bug_has_its_place(mutation: Mutation) -> None:
    """What it replaces is there once, what it makes of it can be compiled, and the tests that it names exist."""
    planted = mutation.planted()
    if mutation.file.endswith(".lua"):
        lupa.LuaRuntime().compile(planted)
    elif mutation.file.endswith(".py"):
        ast.parse(planted)
    else:
        assert mutation.file.endswith(
            ".js"
        )  # which browsers alone compile: a test that fails of that has caught nothing
    assert mutation.tests
    assert [test for test in mutation.tests if not (ROOT / test).exists()] == []


def test_every_name_is_used_once() -> None:
    """A name picks one bug, whichever file it is in."""
    names = [mutation.name for mutation in MUTATIONS]
    assert len(names) == len(set(names)) >= 60
    assert {Path(path).stem for path in FOLDER.glob("*.toml")} >= {"lua", "provider", "tasks", "workers"}


@pytest.mark.parametrize(("text", "times"), [("b = 2\n", 0), ("a = 1\na = 1\n", 2)])
def test_a_bug_without_its_place_is_an_error(tmp_path: Path, text: str, times: int) -> None:
    """Nor is one of two places chosen."""
    (tmp_path / "code.py").write_text(text)
    mutation = Mutation("name", "code.py", "a = 1", "a = 2", "It is wrong.", ["tests"])
    with pytest.raises(StaleError, match=f"name: its text is {times} times in code.py, not once"):
        mutation.planted(tmp_path)
