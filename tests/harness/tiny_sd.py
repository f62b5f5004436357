"""A Stable Diffusion 1.5 of 2.7 million random numbers: its structure and its whole vocabulary, and no knowledge."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPImageProcessor, CLIPTextConfig, CLIPTextModel

from workers.endpoint.diffusion import checkpoint
from workers.endpoint.diffusion.model import Parts, to

# Where the tests of the engine compute; on a machine with a GPU: DIFFUSION_TEST_DEVICE=cuda scripts/test --diffusion
DEVICE = os.environ.get("DIFFUSION_TEST_DEVICE", "cpu")
UNET: dict[str, Any] = checkpoint.UNET | {
    "sample_size": 8,
    "layers_per_block": 1,
    "block_out_channels": [32, 64],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "cross_attention_dim": 32,
    "norm_num_groups": 8,
}
VAE: dict[str, Any] = checkpoint.VAE | {
    "block_out_channels": [16, 32, 32, 32],
    "layers_per_block": 1,
    "norm_num_groups": 8,
}
TEXT: dict[str, Any] = checkpoint.TEXT | {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}


def parts(dtype: Any = torch.float32, device: str = "cpu") -> Parts:
    """The model in memory, always with the same numbers, whatever the device."""
    made = random_parts(UNET, VAE, TEXT, "cpu", dtype)
    unet, vae, text = [to(module, device, dtype) for module in (made.unet, made.vae, made.text)]
    return replace(made, unet=unet, vae=vae, text=text, device=device)


def random_parts(unet: dict[str, Any], vae: dict[str, Any], text: dict[str, Any], device: str, dtype: Any) -> Parts:
    """A model of these shapes in memory; on one device always with the same numbers."""
    torch.manual_seed(0)
    with torch.device(device):
        made = [
            UNet2DConditionModel.from_config(unet),
            AutoencoderKL.from_config(vae),
            CLIPTextModel(CLIPTextConfig(**text)),
        ]
    own_unet, own_vae, own_text = [to(module.eval().requires_grad_(False), device, dtype) for module in made]
    return Parts(own_unet, own_vae, own_text, checkpoint.SCHEDULER, device, dtype)


class Checker(IntEnum):
    """A safety checker by its threshold: how alike to what it looks for, from -1 to 1, a picture must at least be."""

    FINDS_ALL = -2
    FINDS_NOTHING = 2


def save_folder(folder: Path, *, checker: Checker | None = None) -> None:
    """Write it as diffusers does."""
    save_parts(parts(), folder)
    if checker is not None:
        _save_checker(folder, checker)


def save_parts(model: Parts, folder: Path) -> None:
    """Write a model as diffusers does."""
    model.unet.save_pretrained(folder / "unet")
    model.vae.save_pretrained(folder / "vae")
    model.text.save_pretrained(folder / "text_encoder")
    PNDMScheduler.from_config(checkpoint.SCHEDULER).save_pretrained(folder / "scheduler")


def _save_checker(folder: Path, threshold: Checker) -> None:
    tower = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = tower | {"image_size": 32, "patch_size": 16}
    config = CLIPConfig(projection_dim=16, text_config=tower, vision_config=vision)
    made = StableDiffusionSafetyChecker(config)
    for thresholds in (made.concept_embeds_weights, made.special_care_embeds_weights):
        torch.nn.init.constant_(thresholds, threshold)
    made.save_pretrained(folder / "safety_checker")
    size = {"shortest_edge": 32}
    CLIPImageProcessor(size=size, crop_size=32).save_pretrained(folder / "feature_extractor")


def tensors_of_file(model: Parts) -> dict[str, Any]:
    """Its tensors under the names of a single file."""
    named: dict[str, Any] = {}
    for name, tensor in model.unet.state_dict().items():
        named[checkpoint.unet_name(name, UNET)] = tensor
    for name, tensor in model.vae.state_dict().items():
        theirs = checkpoint.vae_name(name, VAE)
        convolution = "attn_1" in theirs and tensor.dim() == 2
        named[theirs] = tensor[:, :, None, None].contiguous() if convolution else tensor
    for name, tensor in model.text.state_dict().items():
        named[checkpoint.text_name(name)] = tensor
    return named


def save_file_of(tensors: Mapping[str, Any], path: Path) -> None:
    """Write a single file."""
    save_file(dict(tensors), path)
