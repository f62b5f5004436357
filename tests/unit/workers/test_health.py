"""The heartbeat's file, by which a worker is found alive."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workers import health


def test_the_folder_is_that_of_the_user_that_the_worker_becomes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``--uid`` changes the user after the imports; the folder of the other could not be written to."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    assert not health.alive()
    health.beat()
    assert health.alive()
    assert [path.parent.name for path in tmp_path.rglob("*.alive")] == ["retouch-4711"]
    health.end()
    assert not health.alive()
