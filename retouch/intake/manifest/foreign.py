"""Shapes of other programs' requests: recognised, and answered with the field of ours for each of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class _Shape(NamedTuple):
    name: str
    marks: tuple[frozenset[str], ...]  # it is this shape if it has all names of one of them
    fields: Mapping[str, str]  # theirs: ours
    within: str = ""  # the field that holds the request


_OPENAI = {
    "image": "init_image",
    "prompt": "prompt",
    "model": "model_id",
    "n": "samples",
    "size": "width and height",
}
_SHAPES = (
    _Shape(
        "a line of OpenAI's batch API",
        (frozenset({"method", "url", "body"}),),
        {"custom_id": "custom_id"} | _OPENAI,
        "body",
    ),
    _Shape("a request to OpenAI's image edits", (frozenset({"image", "size"}), frozenset({"image", "n"})), _OPENAI),
    _Shape(
        "a request to A1111's img2img",
        tuple(frozenset({name}) for name in ("init_images", "denoising_strength", "sampler_name", "cfg_scale")),
        {
            "init_images": "init_image (one address)",
            "prompt": "prompt",
            "negative_prompt": "negative_prompt",
            "denoising_strength": "strength",
            "steps": "num_inference_steps",
            "cfg_scale": "guidance_scale",
            "sampler_name": "scheduler",
            "sampler_index": "scheduler",
            "batch_size": "samples",
            "n_iter": "samples",
            "sd_model_checkpoint": "model_id",
            "text_prompts": "prompt",
            "image_strength": "strength (1 less it)",
        },
    ),
    _Shape(
        "a call of diffusers' pipeline",
        (
            frozenset({"image", "num_inference_steps"}),
            frozenset({"image", "guidance_scale"}),
            frozenset({"num_images_per_prompt"}),
        ),
        {
            "image": "init_image",
            "num_images_per_prompt": "samples",
            "generator": "seed",
        },
    ),
    _Shape(
        "a prediction of Replicate",
        (frozenset({"input"}),),
        {
            "image": "init_image",
            "prompt": "prompt",
            "negative_prompt": "negative_prompt",
            "prompt_strength": "strength",
            "num_outputs": "samples",
            "num_inference_steps": "num_inference_steps",
            "guidance_scale": "guidance_scale",
            "seed": "seed",
            "scheduler": "scheduler",
            "model": "model_id",
            "version": "model_id",
        },
        "input",
    ),
    _Shape(
        "a request to Hugging Face",
        (frozenset({"inputs", "parameters"}), frozenset({"inputs"})),
        {"inputs": "init_image and prompt", "parameters": "fields of their own"},
    ),
)
_COMFY = {
    "text": "prompt",
    "image": "init_image",
    "denoise": "strength",
    "steps": "num_inference_steps",
    "cfg": "guidance_scale",
    "sampler_name": "scheduler",
    "ckpt_name": "model_id",
    "seed": "seed",
    "batch_size": "samples",
}
_NESTED = ("params", "parameters", "settings", "options", "config", "args", "kwargs")
_LISTS = ("edits", "data", "items", "requests", "rows", "records", "images", "results")

# What columns are called elsewhere, for a hint; not read as ours by themselves.
_CALLED = {
    "prompt": "caption text description positive_prompt instruction",
    "init_image": "image image_url imageurl url file file_name filename path",
    "custom_id": "id name key uuid uid image_id sku",
    "strength": "denoising_strength denoise prompt_strength",
    "guidance_scale": "cfg_scale cfg guidance",
    "num_inference_steps": "steps num_steps",
    "scheduler": "sampler sampler_name",
    "samples": "n num_images num_outputs batch_size",
    "model_id": "model checkpoint",
}
SYNONYMS = {theirs: ours for ours, names in _CALLED.items() for theirs in names.split()}


def shape_of(fields: Mapping[str, Any]) -> str | None:
    """The end of a sentence that names the shape and our fields; None if it is none of them."""
    if _is_comfy(fields):
        return f"looks like a workflow of ComfyUI; write a flat object: {_ours(_COMFY, _inputs(fields))}"
    if fields.keys() >= {"nodes", "links"}:
        return f"looks like a workflow of ComfyUI, as its editor saves it; write a flat object: {_ours(_COMFY, {})}"
    for shape in _SHAPES:
        if any(mark <= fields.keys() for mark in shape.marks):
            inner = fields.get(shape.within)
            theirs = {**fields, **inner} if isinstance(inner, dict) else fields
            return f"looks like {shape.name}; write a flat object: {_ours(shape.fields, theirs)}"
    if "file_name" in fields and not fields.keys() & {"custom_id", "init_image"}:
        return _of_imagefolder(fields)
    if name := next((one for one in _NESTED if isinstance(fields.get(one), dict)), ""):
        return f"holds fields in {name!r}; write them beside the others: jq -c '. + .{name} | del(.{name})'"
    return _of_a_frame(fields)


def _of_imagefolder(fields: Mapping[str, Any]) -> str:
    text = next((name for name in ("text", "caption", "prompt") if name in fields), "text")
    custom_id = '(.file_name | gsub("[^A-Za-z0-9._-]"; "-"))'
    return (
        "looks like metadata.jsonl of Hugging Face's imagefolder; write an id and our names:"
        f" jq -c '{{custom_id: {custom_id}, init_image: .file_name, prompt: .{text}}}'"
    )


def _ours(known: Mapping[str, str], theirs: Mapping[str, Any]) -> str:
    if not any(name in theirs for name in known):
        return "custom_id, prompt, init_image, and what else is to be set (retouch fields lists all)"
    written = [f"{ours} for {name}" for name, ours in known.items() if name in theirs and name != ours]
    same = [name for name, ours in known.items() if name in theirs and name == ours]
    kept = f"; {', '.join(same)} {'keeps its name' if len(same) == 1 else 'keep their names'}" if same else ""
    return ", ".join(written) + kept + ("" if "custom_id" in theirs else "; custom_id for a name of each edit")


def _is_comfy(fields: Mapping[str, Any]) -> bool:
    nodes = fields.get("prompt", fields)
    return isinstance(nodes, dict) and any(isinstance(node, dict) and "class_type" in node for node in nodes.values())


def _inputs(fields: Mapping[str, Any]) -> dict[str, Any]:
    nodes = fields["prompt"] if isinstance(fields.get("prompt"), dict) else fields
    found = [node.get("inputs") for node in nodes.values() if isinstance(node, dict)]
    return {name: value for inputs in found if isinstance(inputs, dict) for name, value in inputs.items()}


def _of_a_frame(fields: Mapping[str, Any]) -> str | None:
    columns = [value for name, value in fields.items() if name in ("custom_id", "prompt", "init_image")]
    if columns and all(isinstance(value, dict | list) for value in columns):
        return "holds columns, as pandas writes a frame; write it with to_json(orient='records', lines=True)"
    if fields.keys() >= {"columns", "data"}:
        return "holds columns, as pandas writes a frame; write it with to_json(orient='records', lines=True)"
    if len(fields) <= 3 and (name := next((n for n in _LISTS if isinstance(fields.get(n), list)), "")):
        return f"holds a list in {name!r}; write one edit a line: jq -c '.{name}[]'"
    return None
