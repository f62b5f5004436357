"""The Lua scripts, as they are sent to the server."""

from __future__ import annotations

import re
from pathlib import Path

import lupa.lua51 as lupa  # the version that Redis runs; fakeredis brings it
import pytest

from retouch.ledger import scripts
from retouch.ledger.keys import DEFAULT_NAMESPACE

TEXTS = {name: scripts.text(name, DEFAULT_NAMESPACE) for name in scripts.names()}
MOST = 195  # of the 200 that Lua takes: what is added to a shared part is seen here before it breaks a script


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_script_has_the_names_that_it_uses_and_room_for_more(name: str) -> None:
    """It compiles with so few local variables that another five do no harm, and knows no key by a nil."""
    runtime, more = lupa.LuaRuntime(), "".join(f"local more{n} = 1\n" for n in range(200 - MOST))
    runtime.compile(more + TEXTS[name])
    used = set(re.findall(r"\b([A-Z][A-Z_]{2,})\b", re.sub(r"--.*|'[^']*'|\"[^\"]*\"", "", TEXTS[name])))
    assert [
        one for one in sorted(used - {"ARGV"}) if not re.search(rf"^\s*local [\w, ]*\b{one}\b", TEXTS[name], re.M)
    ] == []


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_script_that_can_count_writes_its_sums_last(name: str) -> None:
    """Whatever it calls that counts, it writes the sums after that: else they are lost."""
    text = re.sub(r"--.*", "", TEXTS[name])
    own = re.sub(r"--.*", "", (Path(scripts.__file__).parent / "lua" / f"{name}.lua").read_text())
    functions = re.findall(r"local function (\w+)\(.*?\n(.*?)\nend\n", text, re.DOTALL)
    counting = {"count"}
    for _ in functions:
        counting |= {one for one, body in functions if _calls(counting, body)}
    before, written, after = own.rpartition("\nwrite_counts()\n")
    assert _calls(counting, before if written else own) == bool(written)
    assert not _calls(counting, after if written else "")


def _calls(names: set[str], text: str) -> bool:
    return any(re.search(rf"(?<!function )\b{name}\(", text) for name in names)


def test_names_that_a_script_does_not_use_are_left_out() -> None:
    """Else each new key would be a variable more in all of them."""
    assert "local LEARNED_KINDS" in TEXTS["settle"]
    assert "local LEARNED_KINDS" not in TEXTS["claim"]
    assert "local ACCESS" in TEXTS["change_key"]
    assert "local ACCESS" not in TEXTS["claim"]
    assert "local READY" in TEXTS["claim"]


def test_functions_that_a_script_does_not_reach_are_left_out() -> None:
    """Else each function that is added to a shared part would be a variable more in all that include it."""
    for name, text in TEXTS.items():
        code = re.sub(r"--.*", "", text)
        once = [
            one for one in re.findall(r"^local function (\w+)", code, re.M) if len(re.findall(rf"\b{one}\b", code)) < 2
        ]
        assert (name, once) == (name, [])
    assert "local function free_held(" in TEXTS["settle"]  # which other functions alone call
