"""Diffusers' own img2img pipeline around a model, with the tokenizer of transformers over the project's vocabulary."""

from __future__ import annotations

from functools import cache
from typing import Any

from diffusers import PNDMScheduler, StableDiffusionImg2ImgPipeline
from transformers import CLIPTokenizer

from retouch import tokens
from workers.endpoint.diffusion.model import Parts
from workers.endpoint.diffusion.prompts import END, PLACES, START


@cache
def tokenizer() -> Any:
    """The one that a Stable Diffusion 1.5 comes with."""
    vocabulary = tokens._ids() | {"<|startoftext|>": START, "<|endoftext|>": END}
    return CLIPTokenizer(vocabulary, [tuple(pair.split(" ")) for pair in tokens._ranks()], model_max_length=PLACES)


def img2img(parts: Parts) -> Any:
    """The pipeline, silent and without a safety checker; its ``scheduler`` may be replaced."""
    pipeline = StableDiffusionImg2ImgPipeline(
        vae=parts.vae,
        text_encoder=parts.text,
        tokenizer=tokenizer(),
        unet=parts.unet,
        scheduler=PNDMScheduler.from_config(parts.scheduler),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
