"""Which engine the command's options choose."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from retouch.errors import InputError
from workers.endpoint.engines import DType, EngineName, choose_engine
from workers.endpoint.stand_in import StandIn


def test_the_stand_in_needs_nothing() -> None:
    """It has no model."""
    engine = choose_engine(EngineName.STAND_IN, None, None, None, None, fast=False)
    assert isinstance(engine, StandIn)
    engine.close()


def test_options_of_a_model_are_refused_where_there_is_none() -> None:
    """Rather than ignored."""
    with pytest.raises(InputError, match=r"^--model, --dtype, --fast: only .* has a model$"):
        choose_engine(EngineName.STAND_IN, Path("model"), None, DType.FLOAT16, None, fast=True)


def test_diffusion_needs_a_model() -> None:
    """None is fetched."""
    with pytest.raises(InputError, match="needs --model PATH"):
        choose_engine(EngineName.DIFFUSION, None, None, None, None, fast=False)


def test_without_its_libraries_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one command, with the versions that the project asks for; before anything is looked at or loaded."""
    monkeypatch.setattr("workers.endpoint.engines.find_spec", lambda name: None if name == "diffusers" else name)
    with pytest.raises(
        InputError,
        match=r"needs diffusers, which is not installed here: scripts/bootstrap --diffusion makes \.venv-diffusion with"
        r" it, or pip install 'torch.*>=2.* 'diff",
    ):
        choose_engine(EngineName.DIFFUSION, Path("model"), None, None, None, fast=False)


def test_a_model_that_is_none_is_told_before_its_libraries_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take seconds."""
    monkeypatch.setattr("workers.endpoint.engines.find_spec", lambda name: name)
    with pytest.raises(InputError, match="--model model: there is no such file or folder"):
        choose_engine(EngineName.DIFFUSION, Path("model"), None, None, None, fast=False)
    assert "torch" not in sys.modules or "workers.endpoint.diffusion.engine" in sys.modules


@pytest.mark.parametrize("error", [ImportError, OSError])
def test_libraries_that_do_not_load_are_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """As where a part of CUDA is missing."""

    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "workers.endpoint.diffusion.engine":
                raise error("libcudart.so.12: cannot open\nshared object file")

    monkeypatch.setattr("workers.endpoint.engines.check_model", lambda _model: None)
    monkeypatch.delitem(sys.modules, "workers.endpoint.diffusion.engine", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(InputError) as refused:
        choose_engine(EngineName.DIFFUSION, Path("model"), None, None, None, fast=False)
    assert "cannot load its libraries: libcudart.so.12: cannot open shared object file: install" in str(refused.value)
