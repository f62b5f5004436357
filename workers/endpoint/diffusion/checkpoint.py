"""One file with all of a Stable Diffusion 1.5, as its authors published it: what it holds, and under which names.

The names are mapped from those of diffusers' modules, so that what a file lacks is found before anything is computed.
"""

from __future__ import annotations

import re
from typing import Any

# The shapes of SD 1.5; a file says nothing of them.
UNET: dict[str, Any] = {
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "layers_per_block": 2,
    "block_out_channels": [320, 640, 1280, 1280],
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
VAE: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "scaling_factor": 0.18215,
}
TEXT: dict[str, Any] = {
    "vocab_size": 49408,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
}
SCHEDULER: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
}

_UNET_TOP = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def _renamed(name: str, names: dict[str, str]) -> str:
    for ours, theirs in names.items():
        name = re.sub(rf"(?<![^.]){re.escape(ours)}(?![^.])", theirs, name)
    return name


def unet_name(name: str, config: dict[str, Any]) -> str:
    """The file's name of a tensor of the UNet."""
    for ours, theirs in _UNET_TOP.items():
        if name.startswith(ours + "."):
            name = theirs + name.removeprefix(ours)
            break
    else:
        name = _block_name(name, config)
    if re.match(r"(input_blocks\.\d+|output_blocks\.\d+)\.0\.|middle_block\.[02]\.", name):
        name = _renamed(name, _RESNET)
    return "model.diffusion_model." + name


def _block_name(name: str, config: dict[str, Any]) -> str:
    side, block, kind, number, rest = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(\w+?)s\.(\d+)\.(.*)", name).groups()  # type: ignore[union-attr] # it is a name of that module
    layers, i, j = config["layers_per_block"], int(block), int(number)
    column = {"resnet": 0, "attention": 1}
    if side == "down":
        first = (layers + 1) * i + 1
        if kind == "downsampler":
            return f"input_blocks.{first + layers}.0.{_renamed(rest, {'conv': 'op'})}"
        return f"input_blocks.{first + j}.{column[kind]}.{rest}"
    first = (layers + 1) * i
    if kind == "upsampler":
        return f"output_blocks.{first + layers}.{2 if 'Attn' in config['up_block_types'][i] else 1}.{rest}"
    return f"output_blocks.{first + j}.{column[kind]}.{rest}"


def vae_name(name: str, config: dict[str, Any]) -> str:
    """The file's name of a tensor of the VAE."""
    last = len(config["block_out_channels"]) - 1
    name = re.sub(r"\bdown_blocks\.(\d+)", r"down.\1", name)
    name = re.sub(r"\bup_blocks\.(\d+)", lambda found: f"up.{last - int(found[1])}", name)
    name = re.sub(r"\bmid_block\.resnets\.(\d+)", lambda found: f"mid.block_{int(found[1]) + 1}", name)
    name = re.sub(r"\bresnets\.(\d+)", r"block.\1", name)
    name = re.sub(r"\b(down|up)samplers\.0", r"\1sample", name)
    name = _renamed(name, {"conv_norm_out": "norm_out", "conv_shortcut": "nin_shortcut"})
    if ".attentions." in name:
        name = _renamed(name.replace("mid_block.attentions.0", "mid.attn_1"), _VAE_ATTENTION)
    return "first_stage_model." + name


def text_name(name: str) -> str:
    """The file's name of a tensor of the text model."""
    return "cond_stage_model.transformer.text_model." + name.removeprefix("text_model.")


def former_text_name(name: str) -> str:
    """The same in some files of 2022."""
    return text_name(name).replace(".text_model.", ".", 1)
