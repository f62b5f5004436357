"""The Lua scripts, as they are sent to the server."""

from __future__ import annotations

import re
from collections import Counter

import lupa.lua51 as lupa  # the version that Redis runs; fakeredis brings it
import pytest

from retouch.ledger import scripts
from retouch.ledger.keys import DEFAULT_NAMESPACE

TEXTS = {name: scripts.text(name, DEFAULT_NAMESPACE) for name in scripts.names()}
FUNCTION = re.compile(r"^( *)(?:local )?function ([\w.]+)\((?:([^\n]* end)\n|(.*?\n)\1end\n)", re.MULTILINE | re.DOTALL)
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
def test_a_script_writes_what_it_has_gathered_before_it_returns(name: str) -> None:
    """Wherever it returns after a call that gathers, ``buffer.write()`` comes right before that: else it is lost."""
    text, own = (re.sub(r" *--.*", "", one) for one in (TEXTS[name], scripts.command(name)))
    functions = FUNCTION.findall(text)
    calls = {made: _called(line or body) for _, made, line, body in functions}
    assert len(calls) == len(functions), "two functions have one name"
    gathering = {made for made in calls if made.startswith("buffer.")} - {"buffer.write"}
    for _ in calls:
        gathering |= {made for made, called in calls.items() if called & gathering}
    main = FUNCTION.sub("", own)
    for found in re.finditer(r"\breturn\b.*", main + "return"):
        unwritten = main[: found.end()].rpartition("buffer.write()")[2]
        assert not _called(unwritten) & gathering, found[0]


def _called(text: str) -> set[str]:
    return set(re.findall(r"\b([\w.]+)\(", text))


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_no_name_of_a_script_hides_another(name: str) -> None:
    """What a part has made is not to be hidden from the parts that come after it, or from the move."""
    text = re.sub(r"--.*", "", TEXTS[name])
    made = re.findall(r"^local (?:function )?(\w+(?:, \w+)*)", text, re.MULTILINE)
    names = Counter(one for line in made for one in line.split(", "))
    assert [one for one, times in names.items() if times > 1] == []


def test_the_buffer_stands_before_all_that_may_read_past_it() -> None:
    """What other parts do with keys goes through its ``redis.call``."""
    has = {name: text.partition("\nlocal buffer, redis = ") for name, text in TEXTS.items() if "local buffer" in text}
    assert {"claim", "settle", "begin_submit", "begin_poll", "enqueue"} <= has.keys()
    assert [name for name, (before, _, _) in has.items() if "local function" in before] == []


def test_keys_and_constants_are_written_in() -> None:
    """As values, since each variable costs a run of the script; of the tables those remain that are looked into."""
    assert "local DUE" not in TEXTS["claim"]
    assert "redis.call('ZRANGE', '{retouch}:due', 0, 0, 'WITHSCORES')" in TEXTS["claim"]
    assert "local key = ('{retouch}:edit:' .. id)" in TEXTS["begin_poll"]
    assert "local LETTER = { queued = 'q'" in TEXTS["claim"]
    assert "local LETTER" not in TEXTS["begin_poll"]
    assert "error_reply('SCHEMA 1')" in TEXTS["claim"]  # in a text of the script's own nothing is written


def test_a_field_that_a_table_has_not_is_found_before_the_script_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """In Lua it would be nil, which is seen by nobody."""
    monkeypatch.setattr(scripts, "command", lambda name: "return FARED.badly\n")
    with pytest.raises(KeyError, match="badly"):
        scripts.text.__wrapped__("claim", DEFAULT_NAMESPACE)


def test_functions_that_a_script_does_not_reach_are_left_out() -> None:
    """Else each function that is added to a shared part would be a variable more in all that include it."""
    for name, text in TEXTS.items():
        code = re.sub(r"--.*", "", text)
        once = [
            one for one in re.findall(r"^local function (\w+)", code, re.M) if len(re.findall(rf"\b{one}\b", code)) < 2
        ]
        assert (name, once) == (name, [])
    assert "local function free_held(" in TEXTS["settle"]  # which other functions alone call
