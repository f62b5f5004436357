"""Loading a model: both forms, and what is said of one that is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from workers.endpoint.engine import EngineError

torch = pytest.importorskip("torch", reason="needs the extra `diffusion`: scripts/test --diffusion")

from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

from tests.harness import tiny_sd
from workers.endpoint.diffusion import checkpoint, memory, model
from workers.endpoint.diffusion.model import Parts, _of_file, choose_device, choose_dtype, load

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # among its libraries
torch.set_num_threads(1)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """One to be broken."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def same(one: Parts, other: Parts) -> bool:
    """Whether all numbers of two models are equal."""
    pairs = [(one.unet, other.unet), (one.vae, other.vae), (one.text, other.text)]
    return all(
        bool(torch.equal(tensor, right.state_dict()[name]))
        for left, right in pairs
        for name, tensor in left.state_dict().items()
    )


def load_tiny(path: Path) -> Parts:
    """A single file says nothing of its shapes; these are the tiny model's."""
    return _of_file(path, "cpu", torch.float32, tiny_sd.UNET, tiny_sd.VAE, tiny_sd.TEXT)


def test_a_folder_of_diffusers_is_loaded_whole(folder: Path) -> None:
    """With its safety checker."""
    loaded = load(folder, "cpu", torch.float32)
    assert same(loaded, tiny_sd.parts())
    assert loaded.checker is not None
    assert loaded.extractor is not None
    assert loaded.scheduler["beta_end"] == 0.012


def test_a_folder_without_a_checker_has_none(copy: Path) -> None:
    """Nothing else is put in its place."""
    shutil.rmtree(copy / "safety_checker")
    assert load(copy, "cpu", torch.float32).checker is None


def test_a_folder_of_2022_is_loaded_too(copy: Path) -> None:
    """Its VAE has other names for the same."""
    path = copy / "vae" / "diffusion_pytorch_model.safetensors"
    names = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    former = {}
    for name, tensor in load_file(path).items():
        for new, old in names.items():
            name = name.replace(new, old)
        former[name] = tensor
    assert any(".proj_attn." in name for name in former)
    save_file(former, path)
    assert same(load(copy, "cpu", torch.float32), tiny_sd.parts())


def test_one_file_is_loaded_whole(tmp_path: Path) -> None:
    """What else it holds is left alone."""
    path = tmp_path / "tiny.safetensors"
    extra = {"model_ema.decay": torch.zeros(1)}
    tiny_sd.save_file_of(tiny_sd.tensors_of_file(tiny_sd.parts()) | extra, path)
    loaded = load_tiny(path)
    assert same(loaded, tiny_sd.parts())
    assert not any(tensor.is_meta for tensor in [*loaded.text.buffers(), *loaded.unet.buffers(), *loaded.vae.buffers()])


def test_the_names_are_those_that_diffusers_knows() -> None:
    """Of the full size: its own conversion makes of our names, one by one, the names that they came from."""
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(checkpoint.UNET)
        vae = AutoencoderKL.from_config(checkpoint.VAE)
        text = CLIPTextModel(CLIPTextConfig(**checkpoint.TEXT))
    unet_names = {checkpoint.unet_name(name, checkpoint.UNET): name for name in unet.state_dict()}
    vae_names = {checkpoint.vae_name(name, checkpoint.VAE): name for name in vae.state_dict()}
    assert [len(unet_names), len(vae_names), len(text.state_dict())] == [686, 248, 196]
    told = {name: torch.full((1, 1), number) for number, name in enumerate([*unet_names, *vae_names])}
    origin = dict(enumerate([*unet_names.values(), *vae_names.values()]))
    for converted in (
        convert_ldm_unet_checkpoint(dict(told), dict(unet.config)),
        convert_ldm_vae_checkpoint(dict(told), dict(vae.config)),
    ):
        assert {name: origin[int(tensor.item())] for name, tensor in converted.items()} == {
            name: name for name in converted
        }
    assert checkpoint.text_name("embeddings.token_embedding.weight") == (
        "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
    )


def test_a_file_that_lacks_tensors_is_refused_by_name_and_count(tmp_path: Path) -> None:
    """Diffusers loads one of 686 without a word."""
    tensors = tiny_sd.tensors_of_file(tiny_sd.parts())
    for name in ("model.diffusion_model.out.2.bias", "model.diffusion_model.time_embed.0.weight"):
        del tensors[name]
    path = tmp_path / "tiny.safetensors"
    tiny_sd.save_file_of(tensors, path)
    with pytest.raises(EngineError) as refused:
        load_tiny(path)
    total = len(tiny_sd.parts().unet.state_dict())
    assert str(refused.value) == (
        f"--model {path}: no whole Stable Diffusion 1.5: of {total} tensors of UNet2DConditionModel, 2 are missing "
        "or of another shape: model.diffusion_model.time_embed.0.weight, model.diffusion_model.out.2.bias"
    )


def test_a_tensor_of_another_shape_is_as_good_as_none(copy: Path) -> None:
    """In a folder as well."""
    path = copy / "unet" / "diffusion_pytorch_model.safetensors"
    save_file(load_file(path) | {"conv_in.bias": torch.zeros(5)}, path)
    with pytest.raises(EngineError, match=r"1 are missing or of another shape: conv_in\.bias"):
        load(copy, "cpu", torch.float32)


def _spoil(path: Path, **config: Any) -> None:
    file = path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: (path / "safety_checker" / "model.safetensors").unlink(), "safety_checker"),
        (lambda path: shutil.rmtree(path / "feature_extractor"), "feature_extractor"),
        (lambda path: _spoil(path / "unet", in_channels=9), "conv_in.weight"),
        (lambda path: _spoil(path / "text_encoder", vocab_size=100), "text_model.embeddings.token_embedding.weight"),
    ],
    ids=[
        "checker is a pickle",
        "half a checker",
        "inpainting",
        "other words",
    ],
)
def test_what_is_no_model_is_refused_in_one_sentence(copy: Path, spoil: Any, says: str) -> None:
    """It says which part is wrong."""
    spoil(copy)
    with pytest.raises(EngineError) as refused:
        load(copy, "cpu", torch.float32)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_model_that_is_larger_than_the_memory_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that runs out of it would end the process without a word."""
    monkeypatch.setattr(model, "free_bytes", lambda _device: 1 << 20)
    with pytest.raises(EngineError) as refused:
        load(folder, "cpu", torch.float32)
    assert str(refused.value).endswith(
        "UNet2DConditionModel needs 0.00 GiB on cpu, where 0.00 GiB are free: --dtype float16 needs half of it"
    )
    with pytest.raises(EngineError, match=r"end what else uses it, or take another device$"):
        load(folder, "cpu", torch.bfloat16)


def test_free_memory_is_that_of_the_machine_and_of_its_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is less, as far as it is known."""
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.free_bytes("cpu") is None
    memory.MEMINFO.write_text("MemTotal:  9 kB\nMemAvailable:       4 kB\n")
    assert memory.free_bytes("cpu") == 4096
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free_bytes("cpu") == 4096
    for name, text in (("max", "5000\n"), ("current", "3000\n"), ("stat", "anon 1000\ninactive_file 500\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert memory.free_bytes("cpu") == 2500
    assert memory.free_bytes("mps") is None
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: {"cuda:1": (7, 9)}[device])
    assert memory.free_bytes("cuda:1") == 7


def test_devices_and_dtypes_are_chosen_by_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is not there is one sentence."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device(None) == "cpu"
    assert choose_dtype(None, "cpu") == torch.float32
    assert choose_dtype("bfloat16", "cpu") == torch.bfloat16
    for absent in ("cuda", "cuda:1", "mps", "abacus"):
        with pytest.raises(EngineError, match=f"--device {absent}: torch .* finds no such device here"):
            choose_device(absent)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device(None) == "cuda"
    assert choose_dtype(None, "cuda:0") == torch.float16
