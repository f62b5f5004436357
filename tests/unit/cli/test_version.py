"""``retouch --version``."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.unit.cli.conftest import Run

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]


def test_the_version_is_the_one_in_pyproject(run: Run) -> None:
    """The option prints the project's version on stdout, needs no command, and asks no service."""
    ended = run("--version")
    assert (ended.code, ended.out) == (0, f"retouch {PROJECT['version']}\n")
