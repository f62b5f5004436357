"""The files of a model, looked at before the libraries are loaded that read them: what is wrong is told at once."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from retouch.errors import InputError

PARTS = {name: f"{name}/config.json" for name in ("unet", "vae", "text_encoder")}
SCHEDULER = "scheduler/scheduler_config.json"
MAX_HEADER = 100_000_000  # bytes: what the library safetensors takes

_NAMES = ("diffusion_pytorch_model.safetensors", "model.safetensors", "*.fp16.safetensors")


def check(model: Path) -> None:
    """Raise InputError where ``model`` cannot be one: no folder of diffusers, and no whole .safetensors."""
    if not model.exists():
        raise InputError(f"--model {model}: there is no such file or folder")
    if not model.is_dir():
        if model.suffix != ".safetensors":
            raise InputError(f"--model {model}: it must be a .safetensors file or a folder of diffusers")
        _check_file(model)
        return
    if (model / "text_encoder_2").exists():
        raise InputError(f"--model {model}: it has a second text model, so it is none of Stable Diffusion 1.5")
    for name in (*PARTS.values(), SCHEDULER):
        read_config(model, name)
    for part in PARTS:
        _check_file(weights_of(model, part))


def read_config(model: Path, name: str) -> dict[str, Any]:
    """Read a configuration of a folder of diffusers; raises InputError."""
    try:
        found = json.loads((model / name).read_bytes())
    except FileNotFoundError:
        raise InputError(f"--model {model}: no folder of diffusers: {name} is missing") from None
    except OSError as error:
        raise InputError(f"--model {model}: {name} cannot be read: {error.strerror}") from None
    except ValueError:
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
    except ValueError:
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
