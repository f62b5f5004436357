"""docs/operations.md names what there is: settings, fields of the status, options of a worker."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from config.installation import PREFIX
from config.settings import ALIKE
from retouch.states import EditState
from workers.options import FREE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operations.md").read_text()
STATUS = json.loads((ROOT / "docs/schemas/status.json").read_text())


def section(title: str) -> str:
    """The text below a heading."""
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def known() -> set[str]:
    """Every field of the status, of what is in it too, and the states that are counted."""
    records = [STATUS, *STATUS["$defs"].values()]
    return {name for record in records for name in record.get("properties", {})} | {state.value for state in EditState}


CONDITIONS = re.findall(r"^\| [^|]+ \| `(any.*|\..*)`", section("Alerts and metrics"), re.MULTILINE)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_an_alert_asks_for_fields_that_status_has(condition: str) -> None:
    """First a field of the whole, such as ``.batches[]``, then fields of what is in it."""
    first, *others = re.findall(r"\.([a-z_]+)", condition)
    assert first in STATUS["properties"]
    assert set(others) - known() == set()


def test_there_are_alerts() -> None:
    """The pattern that finds them fits the table."""
    assert len(CONDITIONS) >= 9


def test_the_settings_that_must_be_alike_are_those_that_are_compared() -> None:
    """What ``status`` and ``doctor`` do not compare is not promised."""
    first = section("Settings that differ between workers").partition("\n\nWhile")[0]
    assert re.findall(r"`(\w+)`", first) == [f"{PREFIX}{name.upper()}" for name in ALIKE]


def test_the_options_of_a_worker_are_those_that_it_takes() -> None:
    """Each that is said to be free is, and none that is said to be refused."""
    rows = re.findall(r"^\| (`-.*?) \| (yours|refused)", section("Workers"), re.MULTILINE)
    short = {"n": "hostname", "l": "loglevel"}
    told = {word: [short.get(name, name) for name in re.findall(r"`--?([\w-]+)", options)] for options, word in rows}
    assert set(told["yours"]) <= FREE
    assert not set(told["refused"]) & FREE
