"""``retouch metrics``: the installation in numbers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


def test_it_prints_the_text_of_prometheus(run: Run, batch: str) -> None:
    """On stdout, which is data, and nothing on stderr."""
    for arguments in ((), ("-o", "-")):
        ended = run("metrics", *arguments)
        assert (ended.code, ended.err) == (0, "")
        assert 'retouch_edits{state="queued"} 3.0\n' in ended.out


def test_a_file_is_replaced_whole_and_in_silence(run: Run, batch: str, tmp_path: Path) -> None:
    """A collector reads it at any time, and a timer mails what it hears; only the file of that name is left."""
    folder = tmp_path / "collector"
    folder.mkdir()
    file = folder / "retouch.prom"
    file.write_text("old")
    ended = run("metrics", "-o", str(file))
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert 'retouch_edits{state="queued"} 3.0\n' in file.read_text()
    assert list(folder.iterdir()) == [file]


def test_a_file_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    """One sentence, exit code 2."""
    ended = run("metrics", "-o", str(tmp_path / "no" / "retouch.prom"))
    assert ended.code == 2
    assert "retouch.prom cannot be written" in ended.err


def test_without_its_library_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is not there in each installation."""
    monkeypatch.setitem(sys.modules, "retouch.metrics", None)
    ended = run("metrics")
    assert ended.code == 2
    assert "that needs prometheus-client: pip install 'prometheus-client" in ended.err
