"""What is found in the place of a model, and what is said of it before any library is loaded."""

from __future__ import annotations

import json
import os
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


SCHEDULE = {"num_train_timesteps": 1000, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as diffusers writes it."""
    made = tmp_path / "model"
    for part in weights.PARTS:
        (made / part).mkdir(parents=True)
        (made / part / "config.json").write_text("{}")
        (made / part / "model.safetensors").write_bytes(safetensors())
    (made / "scheduler").mkdir()
    (made / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULE))
    return made


def test_a_whole_model_passes(folder: Path) -> None:
    """In both forms."""
    weights.check(folder)
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    weights.check(folder)
    weights.check(folder / "unet" / "model.safetensors")
    weights.check((folder / "unet" / "model.safetensors").rename(folder / "SD.SAFETENSORS"))


@pytest.mark.parametrize(
    ("name", "config", "says"),
    [
        ("unet", {"in_channels": 9}, "in_channels in unet/config.json is 9, not 4"),
        ("unet", {"out_channels": 8}, "out_channels in unet/config.json is 8, not 4"),
        ("unet", {"use_linear_projection": True}, "use_linear_projection in unet/config.json is True, not False"),
        ("unet", {"time_cond_proj_dim": 256}, "time_cond_proj_dim in unet/config.json is 256, not None"),
        ("unet", {"addition_embed_type": "text"}, "addition_embed_type in unet/config.json is 'text', not None"),
        ("unet", {"class_embed_type": "timestep"}, "class_embed_type in unet/config.json is 'timestep', not None"),
        ("vae", {"latent_channels": 16}, "latent_channels in vae/config.json is 16, not 4"),
        ("vae", {"scaling_factor": 0.13025}, "scaling_factor in vae/config.json is 0.13025, not 0.18215"),
        ("text_encoder", {"hidden_act": "gelu"}, "hidden_act in text_encoder/config.json is 'gelu', not 'quick_gelu'"),
        ("text_encoder", {"vocab_size": 250_002}, "vocab_size in text_encoder/config.json is 250002, not 49408"),
        ("text_encoder", {"max_position_embeddings": 50}, "max_position_embeddings in text_encoder/config.json is 50"),
    ],
)
def test_a_model_of_another_kind_is_named(folder: Path, name: str, config: dict[str, object], says: str) -> None:
    """It would load, and then fail or paint noise: Stable Diffusion 2, inpainting, consistency models and others."""
    (folder / name / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError) as refused:
        weights.check(folder)
    assert str(refused.value).startswith(f"--model {folder}: no Stable Diffusion 1.5: {says}")


@pytest.mark.parametrize("name", ["StableDiffusionInpaintPipeline", "AltDiffusionPipeline", None, ["a"]])
def test_a_pipeline_of_another_name_is_no_model_of_this_kind(folder: Path, name: object) -> None:
    """Its parts alone do not tell."""
    (folder / "model_index.json").write_text(json.dumps({"_class_name": name}))
    with pytest.raises(InputError) as refused:
        weights.check(folder)
    assert str(refused.value) == (
        f"--model {folder}: no Stable Diffusion 1.5: model_index.json names {name!r}, not StableDiffusionPipeline"
    )


def test_a_text_model_of_another_width_is_of_another_model(folder: Path) -> None:
    """The UNet is told what it gives."""
    (folder / "unet" / "config.json").write_text('{"cross_attention_dim": 768}')
    (folder / "text_encoder" / "config.json").write_text('{"hidden_size": 1024}')
    with pytest.raises(InputError, match=r"different models: cross_attention_dim is 768, and hidden_size 1024$"):
        weights.check(folder)


@pytest.mark.parametrize("lacks", SCHEDULE)
def test_a_schedule_that_is_not_whole_is_refused(folder: Path, lacks: str) -> None:
    """The libraries' own is another one: pictures of it are grey."""
    config = {name: value for name, value in SCHEDULE.items() if name != lacks}
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=rf"scheduler/scheduler_config\.json lacks {lacks}$"):
        weights.check(folder)
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULE | {"prediction_type": "sample"}))
    with pytest.raises(InputError, match=r"prediction_type in .* is 'sample', not 'epsilon'$"):
        weights.check(folder)


def test_a_safety_checker_is_there_as_a_whole_or_not_at_all(folder: Path) -> None:
    """What of it is missing is named, and what to do."""
    checker = folder / "safety_checker"
    files = {
        checker / "config.json": b"{}",
        folder / "feature_extractor" / "preprocessor_config.json": b"{}",
        checker / "model.fp16.safetensors": safetensors(),
    }
    checker.mkdir()
    (folder / "feature_extractor").mkdir()
    for path, data in files.items():
        name = str(path.relative_to(folder))
        with pytest.raises(InputError) as refused:
            weights.check(folder)
        assert str(refused.value) == (
            f"--model {folder}: its safety_checker needs {name}, which is missing: fetch it too, or remove the folder"
            " safety_checker"
            if name.endswith(".json")
            else f"--model {folder}: there is no .safetensors in safety_checker; .bin files are not opened"
        )
        path.write_bytes(data)
    weights.check(folder)


@pytest.mark.timeout(20)
def test_a_pipe_is_no_file(folder: Path, tmp_path: Path) -> None:
    """It is not waited for."""
    os.mkfifo(tmp_path / "pipe.safetensors")
    (folder / "vae" / "model.safetensors").unlink()
    (folder / "vae" / "model.safetensors").mkdir()
    for model in (tmp_path / "pipe.safetensors", folder):
        with pytest.raises(InputError, match=r"model\.safetensors: it is no file$|pipe\.safetensors: it is no file$"):
            weights.check(model)


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
        (struct.pack("<Q", 10**6) + b"[" * 10**6, "it is no .safetensors, or a broken one"),
        (struct.pack("<Q", 100) + b'{"a": {', "it is no .safetensors, or a broken one"),
        (struct.pack("<Q", 2) + b"[]", "it is no .safetensors, or a broken one"),
        (safetensors(data=b"\0" * 3), f"it is cut short, {len(safetensors()) - 5} of {len(safetensors())} bytes"),
    ],
    ids=["empty", "short", "page", "page later", "lfs", "pickle", "huge", "deep", "header cut", "list", "cut"],
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
        (lambda model: (model / "vae" / "config.json").write_text("[" * 10**6), "vae/config.json is no JSON object"),
        (lambda model: (model / "text_encoder_2").mkdir(), "it has a second text model, so it is none of Stable"),
        (lambda model: (model / "unet" / "model.safetensors").unlink(), "there is no .safetensors in unet; .bin files"),
        (
            lambda model: (model / "unet" / "model.safetensors").rename(model / "unet/model.safetensors.index.json"),
            "the weights in unet are in several files",
        ),
    ],
    ids=["no vae", "no scheduler", "list", "not text", "deep", "sdxl", "pickles", "sharded"],
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
