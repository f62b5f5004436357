"""What is said where an optional library is missing."""

from __future__ import annotations

import importlib.metadata

import pytest

from retouch.extras import S3, install, no_s3


@pytest.mark.parametrize("library", [*S3, "aiohttp", "pillow", "pyarrow"])
def test_a_command_asks_for_the_versions_that_this_retouch_does(library: str) -> None:
    """Of each library that a message names."""
    [command] = install(library).split("pip install ")[1:]
    assert command.startswith(f"'{library}")
    assert ">=" in command


def test_s3_needs_two() -> None:
    """In one command, quoted for a shell."""
    assert no_s3().startswith("S3 support is not installed: pip install 'boto3")
    assert "' 'obstore" in no_s3()


def test_without_an_installation_the_libraries_are_named_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a folder on PYTHONPATH."""

    def missing(_name: str) -> None:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr("retouch.extras.requires", missing)
    assert install("pyarrow") == "pip install 'pyarrow'"
