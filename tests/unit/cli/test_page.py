"""``retouch page``: a link to the page of a gateway, or the page's own process."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Run


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the process would have become."""
    found: list[Any] = []

    def become(program: str, command: list[str], environment: dict[str, str]) -> None:
        found.append((program, command, environment))
        raise SystemExit(0)

    monkeypatch.setattr(os, "execve", become)
    return found


def test_with_redis_it_becomes_the_pages_own_process(
    run: Run, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds our modules, and not those of the folder where one stands; the secret's file was read already."""
    monkeypatch.setenv("PYTHONPATH", "theirs")
    monkeypatch.setenv("RETOUCH_REDIS_URL_FILE", "/run/secrets/redis")
    ended = run("page", "--port", "8123", "--redis-url", "redis://here:1/0")
    [(program, command, environment)] = started
    assert ended.code == 0
    assert program == sys.executable
    assert command == [sys.executable, "-P", "-m", "workers.gateway.page", "--port", "8123"]
    folder, theirs = environment["PYTHONPATH"].split(os.pathsep)
    assert (Path(folder, "workers", "gateway", "page").is_dir(), theirs) == (True, "theirs")
    assert environment["RETOUCH_REDIS_URL"] == "redis://here:1/0"
    assert "RETOUCH_REDIS_URL_FILE" not in environment


def test_without_its_program_it_says_where_that_is(
    run: Run, started: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A wheel has the commands alone."""
    monkeypatch.setattr("retouch.__file__", str(tmp_path / "retouch" / "__init__.py"))
    ended = run("page")
    assert (ended.code, started) == (2, [])
    assert "name a gateway (RETOUCH_URL)" in ended.err


def test_without_its_libraries_it_says_what_to_install(
    run: Run, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one sentence."""
    monkeypatch.setattr("retouch.cli.page.find_spec", lambda name: None if name == "pydantic_settings" else object())
    ended = run("page")
    assert (ended.code, started) == (2, [])
    assert "pip install 'pydantic-settings" in ended.err
