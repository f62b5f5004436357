"""What is found in the place of a model, and what is said of it before any library is loaded."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from retouch.errors import InputError
from workers.endpoint.diffusion import weights

HEADER = {"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}


def safetensors(header: object = HEADER, data: bytes = b"\0" * 8) -> bytes:
    """A file of one tensor."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as diffusers writes it."""
    made = tmp_path / "model"
    for part in weights.PARTS:
        (made / part).mkdir(parents=True)
        (made / part / "config.json").write_text("{}")
        (made / part / "model.safetensors").write_bytes(safetensors())
    (made / "scheduler").mkdir()
    (made / "scheduler" / "scheduler_config.json").write_text("{}")
    return made


def test_a_whole_model_passes(folder: Path) -> None:
    """In both forms."""
    weights.check(folder)
    weights.check(folder / "unet" / "model.safetensors")


def test_the_usual_name_is_taken_before_others(folder: Path) -> None:
    """And half the precision where there is nothing else."""
    (folder / "unet" / "model.fp16.safetensors").write_bytes(safetensors())
    assert weights.weights_of(folder, "unet").name == "model.safetensors"
    (folder / "unet" / "model.safetensors").unlink()
    assert weights.weights_of(folder, "unet").name == "model.fp16.safetensors"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "it is empty: fetch it again"),
        (b"GIF", "it is no .safetensors"),
        (b"<!DOCTYPE html><html>", "it is a web page, no weights: fetch the file itself, logged in"),
        (b"\n <html><body>Access denied", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 4265146304\n", "it is a pointer of Git LFS"),
        (b"\x80\x02}q\x00.........", "it is no .safetensors, or a broken one: fetch it again"),
        (struct.pack("<Q", 2**40) + b"{}", "it is no .safetensors, or a broken one"),
        (struct.pack("<Q", 100) + b'{"a": {', "it is no .safetensors, or a broken one"),
        (struct.pack("<Q", 2) + b"[]", "it is no .safetensors, or a broken one"),
        (safetensors(data=b"\0" * 3), f"it is cut short, {len(safetensors()) - 5} of {len(safetensors())} bytes"),
    ],
    ids=["empty", "short", "page", "page later", "lfs", "pickle", "huge", "header cut", "list", "cut"],
)
@pytest.mark.parametrize("in_folder", [False, True])
def test_what_is_no_safetensors_is_named(folder: Path, tmp_path: Path, data: bytes, says: str, in_folder: bool) -> None:
    """As a file of its own, and in a folder."""
    path = folder / "vae" / "model.safetensors" if in_folder else tmp_path / "sd.safetensors"
    path.write_bytes(data)
    with pytest.raises(InputError) as refused:
        weights.check(folder if in_folder else path)
    assert str(refused.value).startswith(f"--model {path}: {says}")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda model: (model / "vae" / "config.json").unlink(), "no folder of diffusers: vae/config.json is missing"),
        (
            lambda model: (model / "scheduler" / "scheduler_config.json").unlink(),
            "no folder of diffusers: scheduler/scheduler_config.json is missing",
        ),
        (lambda model: (model / "unet" / "config.json").write_text("[]"), "unet/config.json is no JSON object"),
        (lambda model: (model / "unet" / "config.json").write_bytes(b"\xff{"), "unet/config.json is no JSON object"),
        (lambda model: (model / "text_encoder_2").mkdir(), "it has a second text model, so it is none of Stable"),
        (lambda model: (model / "unet" / "model.safetensors").unlink(), "there is no .safetensors in unet; .bin files"),
        (
            lambda model: (model / "unet" / "model.safetensors").rename(model / "unet/model.safetensors.index.json"),
            "the weights in unet are in several files",
        ),
    ],
    ids=["no vae", "no scheduler", "list", "not text", "sdxl", "pickles", "sharded"],
)
def test_what_a_folder_lacks_is_named(folder: Path, spoil: Callable[[Path], object], says: str) -> None:
    """With the folder, and the part."""
    spoil(folder)
    with pytest.raises(InputError) as refused:
        weights.check(folder)
    assert str(refused.value).startswith(f"--model {folder}: {says}")


def test_other_files_are_not_opened(tmp_path: Path) -> None:
    """A checkpoint is a pickle, which could run anything."""
    (tmp_path / "sd.ckpt").write_bytes(b"\x80\x04.")
    for path, says in (
        (tmp_path / "sd.ckpt", r"it must be a \.safetensors file or a folder of diffusers"),
        (tmp_path / "absent", "there is no such file or folder"),
    ):
        with pytest.raises(InputError, match=says):
            weights.check(path)
