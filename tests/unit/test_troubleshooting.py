"""docs/troubleshooting.md: a row for every way to fail and to wait, and no row of what there is not."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from retouch.advice.pauses import BATCH_REMEDIES, KINDS, REMEDIES
from retouch.causes import BatchPause, FailureCode, PauseCause

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/troubleshooting.md").read_text()


def section(page: str, heading: str) -> str:
    """What stands below a heading."""
    found = page.partition(f"\n## {heading}\n")[2]
    assert found, heading
    return found.partition("\n## ")[0]


def rows(text: str) -> list[str]:
    """The first cells of its table, where they are code."""
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


# What the shell and Celery say.
OF_OTHERS = ["command not found", "Unable to load celery application", "The module workers was not found"]


@cache
def messages() -> list[str]:
    """The texts of the commands, of the library and of workers; what is filled in is left out."""
    found = [*OF_OTHERS]
    for path in (path for part in ("config", "retouch", "workers") for path in (ROOT / part).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def test_every_code_of_a_failure_has_a_row() -> None:
    """And no other."""
    assert sorted(rows(section(PAGE, "Error codes"))) == sorted(FailureCode)


def test_every_pause_has_a_row() -> None:
    """Those that there are, as docs/architecture.md knows them; each with a cause and a kind that the ledger has."""
    told = rows(section(PAGE, "Pauses"))
    architecture = section((ROOT / "docs/architecture.md").read_text(), "Pauses")
    assert sorted(told) == sorted(
        re.findall(r"`((?:submit|status):\w+)`(?=[^|]*\|[^|]*\|[^|]*\|$)", architecture, re.M)
    )
    kinds, causes = zip(*(name.split(":") for name in told), strict=True)
    assert set(kinds) == set(KINDS)
    assert set(causes) == set(PauseCause) == set(REMEDIES)


def test_every_pause_of_a_batch_has_a_row() -> None:
    """And no other."""
    assert sorted(rows(section(PAGE, "Paused batches"))) == sorted(BatchPause) == sorted(BATCH_REMEDIES)


def test_every_subject_of_doctor_has_a_row() -> None:
    """Of which a finding can be bad."""
    tree = ast.parse((ROOT / "retouch/cli/checks.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding"]
    bad = [call.args[1] for call in calls if ast.unparse(call.args[0]) != "True"]
    variables = {"service": ("Redis", "gateway")}
    named = [variables[one.id] if isinstance(one, ast.Name) else (one,) for one in bad]
    subjects = {
        one if isinstance(one, str) else one.value if isinstance(one, ast.Constant) else "events to …"
        for names in named
        for one in names
    }
    assert set(rows(section(PAGE, "What doctor finds"))) == subjects


SAYS = [
    said
    for heading in ("Nothing moves", "A command or a worker does not start", "A model of your own")
    for cell in re.findall(r"^\| (`[^|]+) \|", section(PAGE, heading), re.MULTILINE)
    for said in re.findall("`([^`]+)`", cell)
]


@pytest.mark.parametrize("said", SAYS)
def test_what_is_quoted_is_said(said: str) -> None:
    """Word for word, but for what is filled in."""
    pieces = [piece.strip(" ;:") for piece in said.split("…")]
    assert any(all(piece in message for piece in pieces) for message in messages())


def test_every_link_within_the_page_leads_to_a_heading() -> None:
    """By the rule of Markdown viewers: small letters, hyphens for blanks, no other signs."""
    headings = [heading.lower().replace(" ", "-") for heading in re.findall(r"^##+ (.*)$", PAGE, re.MULTILINE)]
    anchors = {re.sub(r"[^\w-]", "", heading) for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors
