"""The files of a model, looked at before the libraries are loaded that read them: what is wrong is told at once."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from retouch.errors import InputError

PARTS = ("unet", "vae", "text_encoder")
CHECKER = "safety_checker"
EXTRACTOR = "feature_extractor/preprocessor_config.json"
SCHEDULER = "scheduler/scheduler_config.json"
INDEX = "model_index.json"
PIPELINES = ("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline")  # others need more than the parts, or less
MAX_HEADER = 100_000_000  # bytes: what the library safetensors takes

# What tells Stable Diffusion 1.5 from models that would load as well, and then paint noise. A folder that lacks one of
# these fields has the libraries' default for it, which is the same.
_KIND: dict[str, dict[str, object]] = {
    "unet/config.json": {
        "in_channels": 4,
        "out_channels": 4,
        "use_linear_projection": False,
        "class_embed_type": None,
        "addition_embed_type": None,
        "time_cond_proj_dim": None,
    },
    "vae/config.json": {"latent_channels": 4, "scaling_factor": 0.18215},
    "text_encoder/config.json": {"hidden_act": "quick_gelu", "vocab_size": 49_408, "max_position_embeddings": 77},
    SCHEDULER: {"prediction_type": "epsilon"},
}
_SCHEDULE = (
    "num_train_timesteps",
    "beta_schedule",
    "beta_start",
    "beta_end",
)  # the libraries' own are not those of 1.5

_NAMES = ("diffusion_pytorch_model.safetensors", "model.safetensors", "*.fp16.safetensors")


def check(model: Path) -> None:
    """Raise InputError where ``model`` cannot be one: no folder of diffusers, and no whole .safetensors."""
    if not model.exists():
        raise InputError(f"--model {model}: there is no such file or folder")
    if model.is_dir():
        _check_folder(model)
    elif model.suffix.lower() == ".safetensors":
        _check_file(model)
    else:
        raise InputError(f"--model {model}: it must be a .safetensors file or a folder of diffusers")


def _check_folder(model: Path) -> None:
    _check_kind(model)
    for part in PARTS:
        _check_file(weights_of(model, part))
    if (model / CHECKER).is_dir():
        for name in (config_of(CHECKER), EXTRACTOR):
            if not (model / name).exists():
                raise InputError(
                    f"--model {model}: its safety_checker needs {name}, which is missing: fetch it too, or remove the"
                    f" folder {CHECKER}"
                )
            read_config(model, name)
        _check_file(weights_of(model, CHECKER))


def _check_kind(model: Path) -> None:
    if (model / "text_encoder_2").exists():
        raise InputError(f"--model {model}: it has a second text model, so it is none of Stable Diffusion 1.5")
    if (model / INDEX).exists() and (name := read_config(model, INDEX).get("_class_name")) not in PIPELINES:
        raise InputError(f"--model {model}: no Stable Diffusion 1.5: {INDEX} names {name!r}, not {PIPELINES[0]}")
    configs = {name: read_config(model, name) for name in (*map(config_of, PARTS), SCHEDULER)}
    for name, fields in _KIND.items():
        for field, right in fields.items():
            if (found := configs[name].get(field, right)) != right:
                raise InputError(
                    f"--model {model}: no Stable Diffusion 1.5: {field} in {name} is {found!r}, not {right!r}"
                )
    if lacking := [field for field in _SCHEDULE if configs[SCHEDULER].get(field) is None]:
        raise InputError(f"--model {model}: {SCHEDULER} lacks {', '.join(lacking)}")
    width, told = configs["unet/config.json"].get("cross_attention_dim"), configs["text_encoder/config.json"]
    if width != told.get("hidden_size"):
        raise InputError(
            f"--model {model}: unet and text_encoder are of different models: cross_attention_dim is {width!r},"
            f" and hidden_size {told.get('hidden_size')!r}"
        )


def config_of(part: str) -> str:
    """Where a part's configuration stands in a folder of diffusers."""
    return f"{part}/config.json"


def read_config(model: Path, name: str) -> dict[str, Any]:
    """Read a configuration of a folder of diffusers; raises InputError."""
    try:
        found = json.loads((model / name).read_bytes())
    except FileNotFoundError:
        raise InputError(f"--model {model}: no folder of diffusers: {name} is missing") from None
    except OSError as error:
        raise InputError(f"--model {model}: {name} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):  # no JSON, or one without end
        found = None
    if not isinstance(found, dict):
        raise InputError(f"--model {model}: {name} is no JSON object")
    return found


def weights_of(model: Path, part: str) -> Path:
    """The file with the tensors of a part of a folder of diffusers; raises InputError."""
    for pattern in _NAMES:
        if found := sorted((model / part).glob(pattern)):
            return found[0]
    if sorted((model / part).glob("*.safetensors.index.json")):
        raise InputError(f"--model {model}: the weights in {part} are in several files; Stable Diffusion 1.5 has one")
    raise InputError(f"--model {model}: there is no .safetensors in {part}; .bin files are not opened")


def _check_file(path: Path) -> None:
    """A web page, a pointer, or half of a download are what is most often found instead of weights."""
    if not path.is_file():  # a pipe would be waited for without end
        raise InputError(f"--model {path}: it is no file")
    try:
        with path.open("rb") as file:
            start = file.read(64)
            if wrong := _wrong_start(start):
                raise InputError(f"--model {path}: {wrong}")
            length = struct.unpack("<Q", start[:8])[0]
            file.seek(8)
            header = json.loads(file.read(length)) if length <= MAX_HEADER else None
            size = path.stat().st_size
    except OSError as error:
        raise InputError(f"--model {path}: it cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise InputError(f"--model {path}: it is no .safetensors, or a broken one: fetch it again")
    end = 8 + length + max(map(_end_of, header.values()), default=0)
    if size < end:
        raise InputError(f"--model {path}: it is cut short, {size:,} of {end:,} bytes: fetch it again")


def _wrong_start(start: bytes) -> str:
    if len(start) < 8:
        return "it is empty: fetch it again" if not start else "it is no .safetensors"
    if start.lstrip().startswith(b"<"):
        return "it is a web page, no weights: fetch the file itself, logged in if its authors ask for that"
    if start.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS, no weights: `git lfs pull` fetches the file itself"
    return ""


def _end_of(entry: Any) -> int:
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    last = offsets[-1] if isinstance(offsets, list) and offsets else 0
    return last if isinstance(last, int) else 0
