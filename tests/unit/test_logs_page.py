"""docs/logs.md has a row for every event that is logged, with its level and its fields, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/logs.md").read_text()
ROW = re.compile(r"^\| `([a-z_]+\.[a-z_]+)` \| (\w+) \| (.*?) \|", re.MULTILINE)
LEVELS = {name: name for name in ("debug", "info", "warning", "error", "critical")} | {"exception": "error"}
BY_HAND = {"log.lines_dropped": ("warning", {"lines"})}  # in config/log_stream.py, which cannot log by itself

Events = dict[str, tuple[str, set[str]]]


def calls() -> Iterator[ast.Call]:
    """Every ``log.level("event", field=…)`` of the product."""
    for folder in ("retouch", "config", "workers", "tasks"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Name("log"), attr=method)) if method in LEVELS:
                        yield node


def logged() -> Events:
    """What the code logs: event → its level, and the fields that its calls give."""
    found: Events = dict(BY_HAND)
    for call in calls():
        assert isinstance(call.func, ast.Attribute)
        name = ast.literal_eval(call.args[0])
        level = LEVELS[call.func.attr]
        fields = {keyword.arg for keyword in call.keywords if keyword.arg and keyword.arg != "exc_info"}
        before = found.setdefault(name, (level, set()))
        assert before[0] == level, f"{name} has two levels"
        before[1].update(fields)
    return found


def told() -> Events:
    """What the page says."""
    return {name: (level, set(re.findall(r"`(\w+)`", fields))) for name, level, fields in ROW.findall(PAGE)}


def test_the_page_of_the_log_has_every_event_with_its_level_and_its_fields() -> None:
    """An operator's search for an event, and a filter on its fields, find what is really written."""
    code, page = logged(), told()
    assert len(code) > 30
    assert {name: row for name, row in page.items() if code.get(name) != row} == {}
    assert sorted(code.keys() - page.keys()) == []


def test_no_event_has_two_rows() -> None:
    """One of them would not be true."""
    names = [name for name, _, _ in ROW.findall(PAGE)]
    assert sorted(set(names)) == sorted(names)
