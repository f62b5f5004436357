"""The pages of docs/ that follow from the code: current, whole, and true of the commands."""

from __future__ import annotations

import inspect
import re
import shlex
import sys
from pathlib import Path

import pytest

import retouch
from retouch import Edit
from retouch.cli.terminal import ExitCode
from scripts.reference_pages import __main__ as reference_pages
from scripts.reference_pages.commands import COMMANDS
from scripts.reference_pages.markdown import table

DOCS = reference_pages.DOCS
CLI = (DOCS / "cli.md").read_text()


@pytest.mark.parametrize("page", reference_pages.PAGES)
def test_a_page_is_current(page: str) -> None:
    """It is what scripts/reference makes of the code."""
    assert (DOCS / page).read_text() == reference_pages.current(page), "run scripts/reference"


def test_every_part_has_one_place() -> None:
    """And no page has a mark without an end."""
    pages = "".join((DOCS / page).read_text() for page in reference_pages.PAGES)
    assert sorted(re.findall("<!-- made: (.*) -->", pages)) == sorted(reference_pages.MADE)
    assert pages.count("<!-- end -->") == len(reference_pages.MADE)


def test_the_list_of_names_has_every_name_and_method_and_no_host() -> None:
    """A heading for each, with its signature and what it returns."""
    page = (DOCS / "api.md").read_text()
    assert [name for name in retouch.__all__ if f"\n## {name}\n" not in page] == []
    methods = [name for name, _ in inspect.getmembers(retouch.EditQueue, callable) if not name.startswith("_")]
    assert [name for name in methods if f"\n### EditQueue.{name}\n" not in page] == []
    assert "workers() -> list[str]" in page
    assert re.findall(r"https?://\w", page) == []


def test_every_field_has_a_row() -> None:
    """With its range and what holds where it is not set."""
    page = (DOCS / "fields.md").read_text()
    assert [name for name in Edit.model_fields if f"\n| `{name}` | " not in page] == []
    assert "| `strength` | number, 0 to 1 | the API's, 0.8 |" in page


def test_every_command_option_and_exit_code_is_told() -> None:
    """A command in the list and in a section of its own, with all that its help has."""
    for name, command in COMMANDS.items():
        assert f"| [`retouch {name}`](#retouch-{name}) | " in CLI
        section = CLI.partition(f"\n## retouch {name}\n")[2].partition("\n## ")[0]
        options = [one for one in command.params if one.param_type_name == "option" and one.name != "help"]
        shown = [one for one in options if not one.hidden]
        assert [one.opts for one in shown if not all(f"{opt}" in section for opt in one.opts)] == []
        assert "--priority" not in section
    assert re.findall(r"^\| `(\d+)` \|", CLI, re.MULTILINE) == [str(code.value) for code in ExitCode]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_that_can_be_typed(name: str) -> None:
    """They stand in its help and on the page, and its options and arguments are those that there are."""
    command = COMMANDS[name]
    assert command.examples
    assert "\n```sh\n" + "\n".join(command.examples) + "\n```\n" in CLI
    for example in command.examples:
        program, called, *words = shlex.split(example.partition(" > ")[0])
        assert program == "retouch"
        COMMANDS[called].make_context(called, words)  # raises a UsageError for what is not there


def test_a_cell_does_not_end_its_table() -> None:
    """Whatever it holds."""
    assert table(("a",), [("b|c\nd",)]) == "| a |\n| --- |\n| b\\|c d |"


def test_a_page_that_is_not_current_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And made again, without a change to what is written by hand."""
    monkeypatch.setattr(reference_pages, "DOCS", tmp_path)
    monkeypatch.setattr(reference_pages, "PAGES", ("cli.md",))
    (tmp_path / "cli.md").write_text("by hand\n<!-- made: index -->\nold\n<!-- end -->\nby hand too\n")
    monkeypatch.setattr(sys, "argv", ["reference", "--check"])
    with pytest.raises(SystemExit, match=r"not current: docs/cli\.md; run scripts/reference"):
        reference_pages.main()
    monkeypatch.setattr(sys, "argv", ["reference"])
    reference_pages.main()
    made = (tmp_path / "cli.md").read_text()
    assert made.startswith("by hand\n<!-- made: index -->\n\n| command | does |\n")
    assert made.endswith(" |\n\n<!-- end -->\nby hand too\n")
    monkeypatch.setattr(sys, "argv", ["reference", "--check"])
    with pytest.raises(SystemExit) as ended:
        reference_pages.main()
    assert ended.value.code == 0
