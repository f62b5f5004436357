"""The engines that there are, by name."""

from __future__ import annotations

from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from retouch.errors import InputError
from retouch.extras import install
from workers.endpoint.diffusion import weights
from workers.endpoint.engine import Engine
from workers.endpoint.stand_in import StandIn

MODEL_LIBRARIES = ("torch", "diffusers", "transformers", "safetensors")
DEFAULT_BATCH = 16
DEFAULT_PIXELS = 1024 * 1024


class EngineName(StrEnum):
    """What ``--engine`` takes."""

    STAND_IN = "stand-in"
    DIFFUSION = "diffusion"


class DType(StrEnum):
    """What ``--dtype`` takes."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"


def check_model(model: Path) -> None:
    """Raise InputError where this model, or the libraries that run it, are seen not to be there."""
    if missing := [name for name in MODEL_LIBRARIES if not find_spec(name)]:
        raise _not_installed(missing[0])
    weights.check(model)


def _not_installed(library: str) -> InputError:
    return InputError(
        f"--engine diffusion needs {library}, which is not installed here: scripts/bootstrap --diffusion makes"
        f" .venv-diffusion with it, or {install(*MODEL_LIBRARIES)}"
    )


def choose_engine(
    name: EngineName,
    model: Path | None = None,
    device: str | None = None,
    dtype: DType | None = None,
    max_batch: int | None = None,
    max_pixels: int | None = None,
    *,
    fast: bool = False,
) -> Engine:
    """Return the engine, not started. Raises InputError for options that it has no use for, or lacks; EngineError."""
    if name is EngineName.STAND_IN:
        options = {"model": model, "device": device, "dtype": dtype, "max-batch": max_batch, "max-pixels": max_pixels}
        options |= {"fast": fast}
        if unused := [f"--{option}" for option, value in options.items() if value]:
            raise InputError(f"{', '.join(unused)}: only --engine diffusion has a model")
        return StandIn()
    if model is None:
        raise InputError("--engine diffusion needs --model PATH, a folder of diffusers or one .safetensors")
    check_model(model)
    try:
        from workers.endpoint.diffusion.engine import Diffusion, Settings  # noqa: PLC0415 - an extra of 3 GB
    except ModuleNotFoundError as error:
        raise _not_installed(str(error.name)) from None
    except (ImportError, OSError, RuntimeError) as error:  # as a library of CUDA that is not there, or too old
        raise InputError(
            f"--engine diffusion cannot load its libraries: {' '.join(str(error).split())}: install them anew:"
            f" scripts/bootstrap --diffusion, or {install(*MODEL_LIBRARIES)}"
        ) from None
    return Diffusion(Settings(model, device, dtype, max_batch or DEFAULT_BATCH, max_pixels or DEFAULT_PIXELS, fast))
