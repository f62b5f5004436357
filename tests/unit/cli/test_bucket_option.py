"""A bucket that cannot be one is refused by every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


@pytest.mark.parametrize("command", [["doctor"], ["enqueue", "photos", "--dry-run"], ["download", "b"]])
def test_every_command_names_the_option_or_its_variable(
    run: Run, command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also a dry run, which uses no bucket."""
    monkeypatch.chdir(tmp_path)
    given = run(*command, "--bucket", "my edits")
    assert (given.code, given.err.startswith("retouch: --bucket must be the name of a bucket")) == (2, True)
    for variable, value in [("RETOUCH_BUCKET", "s3://my"), ("RETOUCH_PREFIX", "/edits/")]:
        with monkeypatch.context() as patch:
            patch.setenv(variable, value)
            told = run(*command)
        assert (told.code, told.err.count("\n")) == (2, 1)
        assert told.err.startswith(f"retouch: {variable} must be")
