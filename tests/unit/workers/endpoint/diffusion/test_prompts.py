"""The numbers of a prompt are those that the text model was trained on."""

from __future__ import annotations

import json
from pathlib import Path
from unicodedata import category, normalize

import pytest

from retouch import tokens
from tests.unit.test_tokens import odd_prompts

pytest.importorskip("torch", reason="needs the extra `diffusion`: scripts/test --diffusion")

from transformers import CLIPTokenizer

from workers.endpoint.diffusion.prompts import END, PLACES, START, places

MARKS = {"<|startoftext|>": START, "<|endoftext|>": END}


def known(character: str) -> bool:
    """Whether it is in the Unicode of Python and of the library alike, which are of different years."""
    return category(character) not in {"Cn", "Cs"} and character != "\N{COMBINING DOT BELOW LEFT}"


def test_the_places_of_many_odd_prompts_are_those_of_transformers(tmp_path: Path) -> None:
    """As they are written, composed and taken apart, with marks in them, and cut at 77."""
    (tmp_path / "vocab.json").write_text(json.dumps(tokens._ids() | MARKS))
    (tmp_path / "merges.txt").write_text("\n".join(["#version: 0.2", *tokens._ranks(), ""]))
    theirs = CLIPTokenizer(
        str(tmp_path / "vocab.json"),
        str(tmp_path / "merges.txt"),
        unk_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        model_max_length=PLACES,
    )
    odd = ["".join(filter(known, text)) for text in odd_prompts()[:400]]
    marked = [f"{text[:9]}<|endoftext|>{text[9:18]}<|startoftext|>" for text in odd[:100]]
    prompts = [form for text in [*odd, "ΣΑΣ"] for form in (text, normalize("NFD", text), text.upper())] + marked
    encoded = theirs(prompts, padding="max_length", max_length=PLACES, truncation=True).input_ids
    wrong = [text for text, numbers in zip(prompts, encoded, strict=True) if places(text) != numbers]
    assert [ascii(text) for text in wrong] == []
