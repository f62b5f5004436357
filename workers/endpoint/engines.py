"""The engines that there are, by name."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from retouch.errors import InputError
from retouch.extras import install
from workers.endpoint.engine import Engine
from workers.endpoint.stand_in import StandIn

MODEL_LIBRARIES = ("torch", "diffusers", "transformers", "safetensors")
DEFAULT_BATCH = 16


class EngineName(StrEnum):
    """What ``--engine`` takes."""

    STAND_IN = "stand-in"
    DIFFUSION = "diffusion"


class DType(StrEnum):
    """What ``--dtype`` takes."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"


def choose_engine(
    name: EngineName, model: Path | None, device: str | None, dtype: DType | None, max_batch: int | None, *, fast: bool
) -> Engine:
    """Return the engine, not started. Raises InputError for options that it has no use for, or lacks; EngineError."""
    if name is EngineName.STAND_IN:
        options = {"model": model, "device": device, "dtype": dtype, "max-batch": max_batch, "fast": fast}
        if unused := [f"--{option}" for option, value in options.items() if value]:
            raise InputError(f"{', '.join(unused)}: only --engine diffusion has a model")
        return StandIn()
    if model is None:
        raise InputError("--engine diffusion needs --model PATH, a folder of diffusers or one .safetensors")
    try:
        from workers.endpoint.diffusion.engine import Diffusion, Settings  # noqa: PLC0415 - an extra of 3 GB
    except ModuleNotFoundError as error:
        raise InputError(
            f"--engine diffusion needs {error.name}, which is not installed: {install(*MODEL_LIBRARIES)}"
        ) from None
    return Diffusion(Settings(model, device, dtype, max_batch or DEFAULT_BATCH, fast))
