"""Lines of a batch's file, whatever is in them."""

from __future__ import annotations

import io
import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.gateway.openai.lines import BatchLines, edit_of

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
PICTURE_KEYS = st.sampled_from(["image_url", "file_id", "type", "url"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(PICTURE_KEYS, inner, max_size=2), max_leaves=5
)
FIELDS = ["model", "n", "size", "image", "images", "mask", "response_format", "metadata", "init_image", "width", "x"]


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES))
def test_every_body_is_an_edit_or_a_sentence(body: dict[str, Any]) -> None:
    """Nothing that is sent is a bug, and no name of OpenAI's gets through."""
    line = {"custom_id": "a", "method": "POST", "url": "/v1/images/edits", "body": body}
    with suppress(ValueError):
        fields = edit_of(line, lambda _id: None)
        assert not fields.keys() & {"model", "n", "size", "image", "images", "mask", "response_format"}


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
    ],
)
def test_a_mistake_is_told_by_its_field(body: dict[str, Any], told: str) -> None:
    """In a sentence that begins with the name that was written."""
    with pytest.raises(ValueError, match=f"^{re.escape(told)}"):
        edit_of({"method": "POST", "url": "/v1/images/edits", "body": body}, lambda _id: None)


def test_a_long_line_is_refused_unless_a_picture_makes_it_long() -> None:
    """As on the command line."""

    def read(body: dict[str, Any]) -> str | None:
        line = {"custom_id": "a", "method": "POST", "url": "/v1/images/edits", "body": body}
        [found] = BatchLines(io.BytesIO(json.dumps(line).encode()), lambda _id: None)
        return found.problem

    long = "x" * (1024 * 1024)
    assert read({"image": f"data:image/png;base64,{long}"}) is None
    assert "longer than 1024 KiB" in str(read({"prompt": long}))
