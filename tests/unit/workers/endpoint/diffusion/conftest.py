"""A tiny Stable Diffusion, for those who have the extra."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as diffusers writes it, with a safety checker that finds nothing."""
    from tests.harness import tiny_sd  # noqa: PLC0415 - needs torch

    path = tmp_path_factory.mktemp("models") / "tiny"
    tiny_sd.save_folder(path, checker=tiny_sd.Checker.FINDS_NOTHING)
    return path
