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
        f"--model {path}: no whole Stable Diffusion 1.5: of {total} tensors of UNet2DConditionModel, 2 are missing, "
        "of another shape, or no floating-point numbers: model.diffusion_model.time_embed.0.weight, "
        "model.diffusion_model.out.2.bias"
    )


def test_a_tensor_of_another_shape_is_as_good_as_none(copy: Path) -> None:
    """In a folder as well."""
    path = copy / "unet" / "diffusion_pytorch_model.safetensors"
    save_file(load_file(path) | {"conv_in.bias": torch.zeros(5)}, path)
    with pytest.raises(
        EngineError, match=r"1 are missing, of another shape, or no floating-point numbers: conv_in\.bias"
    ):
        load(copy, "cpu", torch.float32)


def _spoil(path: Path, **config: Any) -> None:
    file = path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))


def _replace(path: Path, name: str, change: Any) -> None:
    tensors = load_file(path)
    save_file(tensors | {name: change(tensors[name])}, path, metadata={"format": "pt"})


UNET_FILE = "unet/diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    ("file", "name", "change"),
    [
        (UNET_FILE, "time_embedding.linear_1.weight", lambda tensor: tensor.t().contiguous()),
        (UNET_FILE, "conv_out.bias", lambda tensor: tensor.to(torch.int64)),
        (UNET_FILE, "conv_out.bias", lambda tensor: tensor.to(torch.int8)),
        ("safety_checker/model.safetensors", "visual_projection.weight", lambda _tensor: torch.zeros(3, 3)),
    ],
    ids=["transposed", "int64", "int8", "checker"],
)
def test_a_tensor_that_fits_by_its_count_alone_is_none(copy: Path, file: str, name: str, change: Any) -> None:
    """Its numbers would stand in wrong places."""
    _replace(copy / file, name, change)
    with pytest.raises(EngineError, match=rf"1 are missing, of another shape, .* numbers: {name}$") as refused:
        load(copy, "cpu", torch.float32)
    assert str(refused.value).startswith(f"--model {copy / file}: ")


@pytest.mark.parametrize(
    ("part", "config", "says"),
    [
        ("unet", {"block_out_channels": [32, 64, 64]}, "Must provide the same number of `block_out_channels`"),
        ("unet", {"down_block_types": ["FooBlock", "DownBlock2D"]}, "FooBlock does not exist"),
        ("unet", {"norm_num_groups": 7}, "num_channels (32) must be divisible by num_groups (7)"),
        ("vae", {"norm_num_groups": 7}, "must be divisible by num_groups (7)"),
        ("text_encoder", {"num_attention_heads": 5}, "not a multiple of the number of attention heads (5)"),
        ("text_encoder", {"num_hidden_layers": "2"}, "expected int, got str"),
        ("safety_checker", {"vision_config": {"hidden_act": "nope"}}, "nope"),
    ],
)
def test_a_part_that_cannot_be_made_is_named(copy: Path, part: str, config: dict[str, Any], says: str) -> None:
    """Whatever kind of error its library raises: one sentence, with the file."""
    _spoil(copy / part, **config)
    with pytest.raises(EngineError) as refused:
        load(copy, "cpu", torch.float32)
    assert str(refused.value).startswith(f"--model {copy / part / 'config.json'}: it cannot be used: ")
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_schedule_and_an_extractor_that_cannot_be_made_are_named(copy: Path) -> None:
    """Before a first edit meets them."""
    extractor, scheduler = (
        copy / "feature_extractor/preprocessor_config.json",
        copy / "scheduler/scheduler_config.json",
    )
    for file, config in ((extractor, {"size": "large"}), (scheduler, {"beta_schedule": "nope"})):
        file.write_text(json.dumps(json.loads(file.read_text()) | config))
        with pytest.raises(EngineError) as refused:
            load(copy, "cpu", torch.float32)
        assert str(refused.value).startswith(f"--model {file}: it cannot be used: ")


def test_a_folder_of_half_precision_is_loaded_with_its_checker(copy: Path) -> None:
    """As authors publish it beside the whole one, with `.fp16.` in the names of its files."""
    for file in copy.rglob("*.safetensors"):
        save_file({name: tensor.half() for name, tensor in load_file(file).items()}, file, metadata={"format": "pt"})
        file.rename(file.with_name(f"{file.stem}.fp16.safetensors"))
    loaded = load(copy, "cpu", torch.float32)
    assert {tensor.dtype for tensor in loaded.checker.state_dict().values()} == {torch.float32}
    assert same(loaded, tiny_sd.parts(torch.float16))


def test_a_checker_under_its_published_names_is_the_same(copy: Path, folder: Path) -> None:
    """The authors' file has one more `vision_model.` than the present library gives."""
    file = copy / "safety_checker" / "model.safetensors"
    tensors = load_file(file)
    former = {f"vision_model.{name}" if name.startswith("vision_model.") else name: tensors[name] for name in tensors}
    save_file(former | {"vision_model.vision_model.embeddings.position_ids": torch.arange(5)}, file)
    found, wanted = (load(path, "cpu", torch.float32).checker.state_dict() for path in (copy, folder))
    assert all(bool(torch.equal(found[name], wanted[name])) for name in wanted)


def test_a_checker_counts_as_a_part_of_the_model(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory is looked at, and what it lacks is named, as of the others."""
    file = copy / "safety_checker" / "model.safetensors"
    tensors = load_file(file)
    del tensors["concept_embeds"]
    save_file(tensors, file)
    with pytest.raises(EngineError, match=r"StableDiffusionSafetyChecker, 1 are missing, .*: concept_embeds$"):
        load(copy, "cpu", torch.float32)
    asked: list[str] = []
    monkeypatch.setattr(model, "free_bytes", asked.append)
    with pytest.raises(EngineError, match="concept_embeds"):
        load(copy, "cpu", torch.float32)
    assert len(asked) == 4


def test_numbers_of_8_bit_are_taken_unless_they_have_scales(tmp_path: Path) -> None:
    """The scales would be left out."""
    eight = {name: tensor.to(torch.float8_e4m3fn) for name, tensor in tiny_sd.tensors_of_file(tiny_sd.parts()).items()}
    path = tmp_path / "tiny.safetensors"
    tiny_sd.save_file_of(eight, path)
    name = "conv_out.weight"
    assert torch.equal(load_tiny(path).unet.state_dict()[name], eight[checkpoint.unet_name(name, {})].float())
    tiny_sd.save_file_of(eight | {"model.diffusion_model.out.2.scale_weight": torch.ones(1)}, path)
    with pytest.raises(EngineError, match="have scales, which are not read"):
        load_tiny(path)


def test_a_file_with_former_names_of_the_text_model_is_loaded(tmp_path: Path) -> None:
    """Of 2022, without `text_model.` in them."""
    tensors = tiny_sd.tensors_of_file(tiny_sd.parts())
    path = tmp_path / "tiny.safetensors"
    tiny_sd.save_file_of(
        {name.replace("transformer.text_model.", "transformer."): tensors[name] for name in tensors}, path
    )
    assert same(load_tiny(path), tiny_sd.parts())


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
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device(None) == "cpu"
    assert choose_dtype(None, "cpu") == torch.float32
    assert choose_dtype("bfloat16", "cpu") == torch.bfloat16
    for absent in ("cuda", "cuda:1", "mps", "abacus"):
        with pytest.raises(EngineError, match=f"--device {absent}: torch .* finds no such device here"):
            choose_device(absent)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device(None) == "cuda"
    assert choose_dtype(None, "cuda:0") == torch.float16


def test_a_device_may_have_a_number_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a CPU there is one, and it has one name."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    assert [choose_device(name) for name in ("cpu", "cpu:0", "cuda", "cuda:1")] == ["cpu", "cpu", "cuda", "cuda:1"]
    for absent in ("cpu:7", "cpu:", "cuda:2", "cuda:-1", "cuda:x", ":0", "mps:1"):
        with pytest.raises(EngineError, match=f"--device {absent}: torch .* finds no such device here"):
            choose_device(absent)


def test_a_torch_without_cuda_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """No driver would help."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(
        EngineError, match=r"--device cuda: torch .* is a build for the CPU alone: the usual one for Linux"
    ):
        choose_device("cuda")
