"""The examples of docs/orchestrators: each is shown, and can be read; scripts/test --orchestrators runs them."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest
import yaml

from tests.harness.pages import blocks, links
from tests.harness.processes import run
from workers.stack.child import ROOT

FOLDER = ROOT / "docs" / "orchestrators"
PAGES = sorted(FOLDER.glob("*.md"))
EXAMPLES = sorted(path for path in FOLDER.rglob("*") if path.is_file() and path.suffix in (".py", ".sh", ".yml"))


def test_every_example_is_linked() -> None:
    """From a page beside it, and the pages from their index."""
    linked = {(FOLDER / path).resolve() for page in PAGES for path, _ in links(page.read_text()) if path}
    assert {*EXAMPLES, *PAGES} - linked <= {FOLDER / "README.md"}
    assert len(EXAMPLES) > 8


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_what_a_page_shows_is_what_is_tested(page: Path) -> None:
    """Python stands there as the file that it names."""
    shown = [block for block in blocks(page.read_text()) if block.language == "python"]
    assert [block.line for block in shown if block.text != (FOLDER / block.file).read_text()] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_can_be_read(example: Path) -> None:
    """Python, bash and YAML; a script can be executed as it is."""
    if example.suffix == ".py":
        assert ast.get_docstring(ast.parse(example.read_text()))
    elif example.suffix == ".sh":
        assert os.access(example, os.X_OK)
        assert run(["bash", "-n", example]).code == 0
    else:
        [job] = yaml.safe_load(example.read_text())["jobs"].values()
        assert any("./nightly.sh" in step.get("run", "") for step in job["steps"])
