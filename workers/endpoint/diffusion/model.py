"""Loading a Stable Diffusion 1.5: a folder of diffusers, or one file. Nothing is fetched, no pickle is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from safetensors import safe_open
from transformers import CLIPConfig, CLIPImageProcessor, CLIPTextConfig, CLIPTextModel
from transformers.utils import logging as transformers_logging

from retouch.errors import RetouchError
from workers.endpoint.diffusion import checkpoint, weights
from workers.endpoint.diffusion.memory import free_bytes
from workers.endpoint.engine import EngineError

transformers_logging.disable_progress_bar()

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_SHOWN = 3  # names of missing tensors in a message
_LONGEST = 300  # characters of what a library says
_SCALES = ("scaled_fp8", "scale_weight", "weight_scale")  # beside numbers of 8 bit that are not the model's own

# Folders of 2022 have these names in the VAE.
_FORMER = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}

Names = Callable[[str], list[str]]  # of a module's tensor: the names that it may have in a file


@dataclass(frozen=True)
class Parts:
    """A model on its device. ``checker`` and ``extractor`` are both there or neither."""

    unet: Any
    vae: Any
    text: Any
    scheduler: Mapping[str, Any]  # the configuration of every scheduler
    device: str
    dtype: Any
    checker: Any = None
    extractor: Any = None


def choose_device(asked: str | None) -> str:
    """Return the device: what is asked for, else the best that is there. Raises EngineError if it is not there."""
    counts = {"cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0, "mps": _mps(), "cpu": 1}
    if asked is None:
        return next(device for device, count in counts.items() if count)
    kind, colon, number = asked.partition(":")
    if number in map(str, range(counts.get(kind, 0))):
        return asked if kind == "cuda" else kind  # of the others there is one
    if not colon and counts.get(kind):
        return asked
    why = "finds no such device here"
    if kind == "cuda" and torch.version.cuda is None and torch.version.hip is None:
        why = "is a build for the CPU alone: the usual one for Linux on x86-64 has CUDA in it"
    raise EngineError(f"--device {asked}: torch {torch.__version__} {why}; --device cpu is slow")


def _mps() -> int:
    return int(torch.backends.mps.is_available())


def choose_dtype(asked: str | None, device: str) -> Any:
    """Return the type of numbers: what is asked for, else float16 on CUDA, and float32 elsewhere."""
    return DTYPES[asked] if asked else torch.float16 if device.startswith("cuda") else torch.float32


def load(path: Path, device: str, dtype: Any) -> Parts:
    """Return the model at ``path``, a folder or one .safetensors. Raises InputError and EngineError, one sentence."""
    weights.check(path)
    try:
        return (_folder if path.is_dir() else _file)(path, device, dtype)
    except torch.OutOfMemoryError:
        raise EngineError(f"--model {path}: {device} has too little memory for it: {less_memory(dtype)}") from None


def _file(path: Path, device: str, dtype: Any) -> Parts:
    return _of_file(path, device, dtype, checkpoint.UNET, checkpoint.VAE, checkpoint.TEXT)


def _of_file(
    path: Path, device: str, dtype: Any, unet: dict[str, Any], vae: dict[str, Any], text: dict[str, Any]
) -> Parts:
    def part(module: Any, names: Names) -> Any:
        return _placed(module, path, names, device, dtype)

    return Parts(
        unet=part(_empty(UNet2DConditionModel, unet), lambda name: [checkpoint.unet_name(name, unet)]),
        vae=part(_empty(AutoencoderKL, vae), lambda name: [checkpoint.vae_name(name, vae)]),
        text=part(
            CLIPTextModel(CLIPTextConfig(**text)),
            lambda name: [checkpoint.text_name(name), checkpoint.former_text_name(name)],
        ),
        scheduler=checkpoint.SCHEDULER,
        device=device,
        dtype=dtype,
    )


def _folder(path: Path, device: str, dtype: Any) -> Parts:
    def part(name: str, make: Callable[[dict[str, Any]], Any], names: Names) -> Any:
        config = weights.config_of(name)
        with _in_one_sentence(path / config):
            module = make(weights.read_config(path, config))
        return _placed(module, weights.weights_of(path, name), names, device, dtype)

    scheduler = weights.read_config(path, weights.SCHEDULER)
    with _in_one_sentence(path / weights.SCHEDULER):
        DDPMScheduler.from_config(scheduler)
    checked = (path / weights.CHECKER).is_dir()
    return Parts(
        unet=part("unet", lambda config: _empty(UNet2DConditionModel, config), lambda name: [name]),
        vae=part("vae", lambda config: _empty(AutoencoderKL, config), _names_in_vae),
        text=part("text_encoder", lambda config: CLIPTextModel(CLIPTextConfig.from_dict(config)), _names_in_text),
        scheduler=scheduler,
        device=device,
        dtype=dtype,
        checker=part(weights.CHECKER, _checker, _names_in_checker) if checked else None,
        extractor=_extractor(path / weights.EXTRACTOR) if checked else None,
    )


@contextmanager
def _in_one_sentence(file: Path) -> Iterator[None]:
    """Tell with the file's name what the libraries find wrong with it: they raise errors of many kinds."""
    try:
        yield
    except (RetouchError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:_LONGEST]
        raise EngineError(f"--model {file}: it cannot be used: {type(error).__name__}: {said}") from None


def _names_in_vae(name: str) -> list[str]:
    former = name
    for new, old in _FORMER.items():
        former = former.replace(f".{new}.", f".{old}.")
    return [name, former]


def _names_in_text(name: str) -> list[str]:
    return ["text_model." + name.removeprefix("text_model."), name]


def _names_in_checker(name: str) -> list[str]:
    return [f"vision_model.{name}", name] if name.startswith("vision_model.") else [name]


def _checker(config: dict[str, Any]) -> Any:
    return StableDiffusionSafetyChecker(CLIPConfig.from_dict(config))


def _extractor(file: Path) -> Any:
    with _in_one_sentence(file):
        return CLIPImageProcessor.from_pretrained(file.parent, local_files_only=True)


def _empty(kind: Any, config: dict[str, Any]) -> Any:
    """A module without memory for its numbers yet."""
    with torch.device("meta"):
        return kind.from_config(config)


def _placed(module: Any, file: Path, names: Names, device: str, dtype: Any) -> Any:
    """Return the module with all of its tensors, on its device.

    Its memory is looked at before: a kernel that is short of it kills, and says nothing.
    """
    needed = dtype.itemsize * sum(tensor.numel() for tensor in module.state_dict().values())
    free = free_bytes(device)
    if free is not None and needed > free:
        raise EngineError(
            f"--model {file}: {type(module).__name__} needs {needed / 2**30:.2f} GiB on {device}, where"
            f" {free / 2**30:.2f} GiB are free: {less_memory(dtype)}"
        )
    with _in_one_sentence(file):
        return to(_filled(module, file, names), device, dtype)


def less_memory(dtype: Any) -> str:
    """What to do about too little memory."""
    return (
        "--dtype float16 needs half of it"
        if dtype == torch.float32
        else "end what else uses it, or take another device"
    )


def _filled(module: Any, file: Path, names: Names) -> Any:
    """Give the module all of its tensors; raises EngineError with names of those that are missing."""
    with _opened(file) as tensors:
        found: dict[str, Any] = {}
        missing: list[str] = []
        for name, wanted in module.state_dict().items():
            tensor = next((tensors(other) for other in names(name) if tensors(other) is not None), None)
            if tensor is not None and tensor.is_floating_point() and _sides(tensor) == _sides(wanted):
                found[name] = tensor.reshape(wanted.shape)  # a projection may be written as a convolution
            else:
                missing.append(names(name)[0])
        if missing:
            total = len(found) + len(missing)
            raise EngineError(
                f"--model {file}: no whole Stable Diffusion 1.5: of {total} tensors of {type(module).__name__}, "
                f"{len(missing)} are missing, of another shape, or no floating-point numbers: "
                + ", ".join(missing[:_SHOWN])
                + (", …" if len(missing) > _SHOWN else "")
            )
    module.load_state_dict(found, assign=True)
    return module.eval().requires_grad_(False)


def _sides(tensor: Any) -> list[int]:
    return [side for side in tensor.shape if side != 1]


def to(module: Any, device: str, dtype: Any) -> Any:
    """Move the module. Diffusers' own method warns of modules to be kept in float32, of which there are none here."""
    return torch.nn.Module.to(module, device, dtype)


@contextmanager
def _opened(file: Path) -> Iterator[Callable[[str], Any]]:
    with safe_open(file, framework="pt") as opened:
        keys = set(opened.keys())
        if any(key.endswith(_SCALES) for key in keys):
            raise EngineError(f"--model {file}: its numbers of 8 bit have scales, which are not read: take float16")
        yield lambda name: opened.get_tensor(name) if name in keys else None
