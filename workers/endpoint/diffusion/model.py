"""Loading a Stable Diffusion 1.5: a folder of diffusers, or one file. Nothing is fetched, no pickle is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from safetensors import SafetensorError, safe_open
from transformers import CLIPImageProcessor, CLIPTextConfig, CLIPTextModel
from transformers.utils import logging as transformers_logging

from workers.endpoint.diffusion import checkpoint, weights
from workers.endpoint.diffusion.memory import free_bytes
from workers.endpoint.engine import EngineError

transformers_logging.disable_progress_bar()

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
VOCABULARY = 49_408  # of CLIP: other models were trained on other tokens
_SHOWN = 3  # names of missing tensors in a message

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
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if asked is None:
        return next(device for device, is_there in there.items() if is_there)
    if not there.get(asked.partition(":")[0], False):
        raise EngineError(
            f"--device {asked}: torch {torch.__version__} finds no such device here; --device cpu is slow"
        )
    return asked


def choose_dtype(asked: str | None, device: str) -> Any:
    """Return the type of numbers: what is asked for, else float16 on CUDA, and float32 elsewhere."""
    return DTYPES[asked] if asked else torch.float16 if device.startswith("cuda") else torch.float32


def load(path: Path, device: str, dtype: Any) -> Parts:
    """Return the model at ``path``, a folder or one .safetensors. Raises InputError and EngineError, one sentence."""
    weights.check(path)
    try:
        return (_folder if path.is_dir() else _file)(path, device, dtype)
    except (SafetensorError, OSError) as error:
        raise EngineError(f"--model {path}: it cannot be read: {error}") from None
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
        text=part(CLIPTextModel(CLIPTextConfig(**text)), lambda name: [checkpoint.text_name(name)]),
        scheduler=checkpoint.SCHEDULER,
        device=device,
        dtype=dtype,
    )


def _folder(path: Path, device: str, dtype: Any) -> Parts:
    def part(name: str, make: Callable[[dict[str, Any]], Any], names: Names) -> Any:
        module = make(weights.read_config(path, weights.PARTS[name]))
        return _placed(module, weights.weights_of(path, name), names, device, dtype)

    parts = Parts(
        unet=part("unet", lambda config: _empty(UNet2DConditionModel, config), lambda name: [name]),
        vae=part("vae", lambda config: _empty(AutoencoderKL, config), _names_in_vae),
        text=part("text_encoder", lambda config: CLIPTextModel(CLIPTextConfig.from_dict(config)), _names_in_text),
        scheduler=weights.read_config(path, weights.SCHEDULER),
        device=device,
        dtype=dtype,
        checker=_checker(path / "safety_checker", device, dtype),
        extractor=_extractor(path),
    )
    _check_kind(path, parts)
    return parts


def _names_in_vae(name: str) -> list[str]:
    former = name
    for new, old in _FORMER.items():
        former = former.replace(f".{new}.", f".{old}.")
    return [name, former]


def _names_in_text(name: str) -> list[str]:
    return ["text_model." + name.removeprefix("text_model."), name]


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
            if tensor is not None and tensor.numel() == wanted.numel():
                found[name] = tensor.reshape(wanted.shape)  # a projection may be written as a convolution
            else:
                missing.append(names(name)[0])
        if missing:
            total = len(found) + len(missing)
            raise EngineError(
                f"--model {file}: no whole Stable Diffusion 1.5: of {total} tensors of {type(module).__name__}, "
                f"{len(missing)} are missing or of another shape: {', '.join(missing[:_SHOWN])}"
                + (", …" if len(missing) > _SHOWN else "")
            )
    module.load_state_dict(found, assign=True)
    return module.eval().requires_grad_(False)


def to(module: Any, device: str, dtype: Any) -> Any:
    """Move the module. Diffusers' own method warns of modules to be kept in float32, of which there are none here."""
    return torch.nn.Module.to(module, device, dtype)


@contextmanager
def _opened(file: Path) -> Iterator[Callable[[str], Any]]:
    with safe_open(file, framework="pt") as opened:
        keys = set(opened.keys())
        yield lambda name: opened.get_tensor(name) if name in keys else None


def _checker(folder: Path, device: str, dtype: Any) -> Any:
    if not folder.is_dir():
        return None
    checker, told = StableDiffusionSafetyChecker.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, output_loading_info=True
    )
    if missing := sorted(told["missing_keys"]):
        raise EngineError(
            f"--model {folder.parent}: of its safety_checker {len(missing)} tensors are missing: {missing[0]}"
        )
    return checker.eval().to(device, dtype)


def _extractor(path: Path) -> Any:
    if not (path / "safety_checker").is_dir():
        return None
    return CLIPImageProcessor.from_pretrained(path / "feature_extractor", local_files_only=True)


def _check_kind(path: Path, parts: Parts) -> None:
    """Other models would load, and then fail or paint noise."""
    wanted = {
        "in_channels of the UNet": (parts.unet.config.in_channels, 4),
        "cross_attention_dim of the UNet": (parts.unet.config.cross_attention_dim, parts.text.config.hidden_size),
        "vocab_size of the text model": (parts.text.config.vocab_size, VOCABULARY),
    }
    for what, (found, right) in wanted.items():
        if found != right:
            raise EngineError(f"--model {path}: no Stable Diffusion 1.5: {what} is {found}, not {right}")
