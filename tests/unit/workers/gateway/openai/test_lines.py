"""Lines of a batch's file, whatever is in them."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.gateway.openai.lines import BatchLines, EditOf
from workers.gateway.openai.names import FIELDS, wording

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
PICTURE_KEYS = st.sampled_from(["image_url", "file_id", "type", "url"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(PICTURE_KEYS, inner, max_size=2), max_leaves=5
)
NAMES = ["model", "n", "size", "image", "images", "mask", "response_format", "metadata", "init_image", "width", "x"]


@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_every_body_is_an_edit_or_a_sentence(body: dict[str, Any]) -> None:
    """Nothing that is sent is a bug, and no name of OpenAI's gets through."""
    edit = EditOf(body, lambda _id: None)
    if not edit.faults:
        assert not edit.fields.keys() & {"model", "n", "size", "image", "images", "mask", "response_format"}
    assert all(fault.split()[0] in FIELDS for fault in edit.faults)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"model": "a", "model_id": "b"}, "model and model_id are the same"),
        ({"size": "512x512", "width": 8}, "size and width are the same"),
        ({"size": "512 x 512"}, "size must be WIDTHxHEIGHT"),
        ({"image": "https://a.com/a", "images": []}, "image and images are the same"),
        ({"image": "https://a.com/a", "init_image": "b"}, "image and init_image are the same"),
        ({"images": []}, "images must have one picture, and has 0"),
        ({"image": {"image_url": 1}}, "image must be {"),
        ({"image": {"image_url": "a", "file_id": "b"}}, "image must be {"),
        ({"image": 7}, "image must be the address"),
        ({"image": "file-x"}, "image file-x is no file of this key"),
        ({"mask": "a"}, "mask is not possible"),
        ({"response_format": "webp"}, "response_format must be"),
        ({"response_format": "b64_json", "metadata": []}, "metadata must be an object"),
        ({"custom_id": "b"}, "custom_id stands beside body"),
    ],
)
def test_a_mistake_is_told_by_its_field(body: dict[str, Any], told: str) -> None:
    """In a sentence that begins with the name that was written."""
    [fault] = EditOf(body, lambda _id: None).faults
    assert fault.startswith(told)


def test_all_mistakes_of_a_line_are_told() -> None:
    """Around its body and in it."""
    line = {"method": "GET", "url": "/v1", "x": 1, "body": {"mask": "a", "model": "a", "model_id": "b", "n": 7}}
    [found] = BatchLines(io.BytesIO(json.dumps(line).encode()), lambda _id: None)
    assert [fault.split()[0] for fault in found.faults] == ["unknown", "method", "url", "mask", "model"]
    assert found.fields["samples"] == 7
    [found] = BatchLines(io.BytesIO(json.dumps({"url": "/v1/images/edits", "body": []}).encode()), lambda _id: None)
    assert (str(found.problem).split()[0], found.faults) == ("body", ("method must be POST",))


@pytest.mark.parametrize(
    ("called", "sentence", "said"),
    [
        ({}, "init_image is missing", "image is missing"),
        ({"init_image": "images"}, "init_image a.png is a path", "images a.png is a path"),
        ({"init_image": "init_image"}, "init_image a.png is a path", "init_image a.png is a path"),
        ({}, "init_image b; an edit has one init_image", "image b; an edit has one image"),
        ({"samples": "n"}, "samples 9 is more than 4", "n 9 is more than 4"),
        ({"width": "size"}, "width 9999 is more than 4096", "size: width 9999 is more than 4096"),
        ({}, "width 9999 is more than 4096", "width 9999 is more than 4096"),
        ({}, 'prompt "samples of init_image" is long', 'prompt "samples of init_image" is long'),
        ({}, "image s3://a/init_image is away", "image s3://a/init_image is away"),
        ({}, "prompt is one of few samples", "prompt is one of few samples"),
    ],
)
def test_a_sentence_has_the_names_that_were_written(called: dict[str, str], sentence: str, said: str) -> None:
    """Of the field that it is about, and of others; values stay as they are."""
    assert wording(called)(sentence) == said


def test_a_long_line_is_refused_unless_a_picture_makes_it_long() -> None:
    """As on the command line."""

    def read(body: dict[str, Any]) -> str | None:
        line = {"custom_id": "a", "method": "POST", "url": "/v1/images/edits", "body": body}
        [found] = BatchLines(io.BytesIO(json.dumps(line).encode()), lambda _id: None)
        return found.problem

    long = "x" * (1024 * 1024)
    assert read({"image": f"data:image/png;base64,{long}"}) is None
    assert "longer than 1024 KiB" in str(read({"prompt": long}))
