"""What an edit is allowed to be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from retouch import tokens
from retouch.edit import Edit, check_batch_id, explain
from retouch.edit_fields import API_DEFAULTS
from retouch.errors import InputError
from retouch.image_address import ImageKind

GOOD = {"custom_id": "cat-1", "prompt": "a cat", "init_image": "https://example.com/cat.png"}


def errors_of(**fields: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Edit.model_validate(GOOD | fields)
    return explain(caught.value)


def test_an_edit_needs_a_name_a_prompt_and_an_image() -> None:
    """Nothing else is required."""
    assert Edit.model_validate(GOOD).fields == {
        "model_id": "sd1.5",
        "prompt": "a cat",
        "init_image": "https://example.com/cat.png",
    }


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [("num_inference_steps", 1, 100), ("strength", 0, 1), ("samples", 1, 4), ("guidance_scale", 1, 20)],
)
def test_ranges_include_their_ends_and_nothing_beyond(field: str, least: int, most: int) -> None:
    """The contract's ranges are exact."""
    for value in (least, most):
        Edit.model_validate(GOOD | {field: value})
    for value in (least - 1, most + 1):
        assert errors_of(**{field: value})[0].startswith(f"{field} {value} ")


@pytest.mark.parametrize("field", ["samples", "width", "seed", "num_inference_steps"])
def test_a_whole_number_may_be_written_as_a_fraction(field: str) -> None:
    """pandas makes floats of a column of integers in which one is missing."""
    assert Edit.model_validate(GOOD | {field: 3.0}).fields[field] == 3
    assert type(Edit.model_validate(GOOD | {field: 3.0}).fields[field]) is int
    assert errors_of(seed=2.0**60)


@pytest.mark.parametrize("prompt", ["nan", "NaN", "<NA>", "None", "null"])
def test_a_missing_prompt_is_not_sent_as_a_word(prompt: str) -> None:
    """It is what a program writes where it has no text, and would be paid for."""
    assert "is how a program writes a missing value" in errors_of(prompt=prompt)[0]


@pytest.mark.parametrize("custom_id", ["1.70E+12", "1,70E+12", "-2.5E-07"])
def test_an_id_that_a_spreadsheet_has_rounded_is_refused(custom_id: str) -> None:
    """The digits are lost, and the ids of a thousand rows are one."""
    assert "a spreadsheet made of a long number" in errors_of(custom_id=custom_id)[0]


@pytest.mark.parametrize("value", ["20", True, 2.5])
def test_a_number_must_be_a_number(value: object) -> None:
    """Text and truth values are not quietly turned into numbers."""
    assert "samples" in errors_of(samples=value)[0]


def test_a_misspelt_field_is_named_with_the_nearest_one() -> None:
    """A typing error must not be dropped."""
    assert "did you mean 'strength'?" in errors_of(strenght=0.5)[0]


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
@pytest.mark.parametrize(
    ("sign", "name"),
    [("\x00", "U+0000 (NUL)"), ("\x07", "U+0007 (BEL)"), ("\x1b", "U+001B (ESC)"), ("\x85", "U+0085"), ("\x7f", "DEL")],
)
def test_a_control_character_in_a_prompt_is_named_with_its_place(field: str, sign: str, name: str) -> None:
    """Nobody types one: it is left over from a copy, and what the API makes of it is not known."""
    (said,) = errors_of(**{field: f"a cat{sign}!"})
    assert f"has the control character {name}" in said or f"({name})" in said
    assert "at position 6; take it out" in said


def test_a_byte_that_is_no_text_is_named_by_its_place() -> None:
    """As in an argument, or the name of a folder; it is shown as what it is not."""
    assert errors_of(prompt="caf\udce9") == ['prompt "caf?" has a byte that is not UTF-8 at position 4']


def test_line_ends_and_tabs_in_a_prompt_stay() -> None:
    """A cell of a spreadsheet may have several lines."""
    prompt = "a cat,\r\n\tin oil\n"
    assert Edit.model_validate(GOOD | {"prompt": prompt}).prompt == prompt


@pytest.mark.parametrize("text", ["x" * 4097, "a b" * 20_000, "q" * 1_000_000])
def test_a_text_that_is_far_too_long_is_not_counted(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tokenizer takes the square of a word's length: minutes for a megabyte."""
    monkeypatch.setattr(tokens, "count", None)
    assert f"has {len(text):,} characters, more than 75 CLIP tokens hold" in errors_of(prompt=text)[0]


def test_a_prompt_is_measured_in_clip_tokens() -> None:
    """75 tokens pass, 76 do not."""
    Edit.model_validate(GOOD | {"prompt": "cat " * 75})
    assert "76 CLIP tokens" in errors_of(prompt="cat " * 76)[0]


@pytest.mark.parametrize("custom_id", ["", "a/b", "a b", "x" * 65, ".", "..", "_SUCCESS", "manifest.jsonl", "é", "a\n"])
def test_a_custom_id_that_cannot_be_a_key_is_refused(custom_id: str) -> None:
    """It becomes a part of S3 keys."""
    assert errors_of(custom_id=custom_id)


@pytest.mark.parametrize(
    ("image", "kind"),
    [("https://e.com/a", ImageKind.URL), ("s3://b/k", ImageKind.S3), ("pictures/a.png", ImageKind.PATH)],
)
def test_where_an_image_is(image: str, kind: ImageKind) -> None:
    """Told by the scheme."""
    assert Edit.model_validate(GOOD | {"init_image": image}).image_kind is kind


@pytest.mark.parametrize("image", ["", "ftp://e.com/a", "s3://bucket", "file://server/a.png"])
def test_other_schemes_are_refused(image: str) -> None:
    """Only what can be called or uploaded."""
    assert errors_of(init_image=image)


def test_extra_may_not_shadow_a_field() -> None:
    """Else a checked field could be replaced by an unchecked one."""
    assert "samples" in errors_of(extra={"samples": 100})[0]


def nested(levels: int, inner: object = 1) -> dict[str, object]:
    """``inner`` below so many levels of objects and lists in turn."""
    for level in range(levels - 1):
        inner = [inner] if level % 2 else {"x": inner}
    return {"x": inner}


@pytest.mark.parametrize("extra", [nested(65), nested(5000), nested(3, 2**1025), {"x": 10**5000}])
def test_extra_that_not_every_worker_could_read_is_refused(extra: dict[str, object]) -> None:
    """In one sentence: a worker that cannot read one edit would fail with all of its chunk."""
    [error] = errors_of(extra=extra)
    assert "may be nested 64 deep, and hold integers of at most 1024 bits" in error
    assert len(error) < 200


@pytest.mark.parametrize("extra", [nested(64), nested(3, -(2**1023)), {"x": True}, {}])
def test_extra_within_its_bounds_is_kept(extra: dict[str, object]) -> None:
    """Far more than any API takes."""
    assert Edit.model_validate(GOOD | {"extra": extra}).fields["extra"] == extra


@pytest.mark.parametrize("fields", [{"seed": 10**5000}, {"negative_prompt": nested(5000)}])
def test_a_value_that_cannot_be_shown_is_refused_all_the_same(fields: dict[str, object]) -> None:
    """Python writes no number of more than 4300 digits, and no thousand levels."""
    assert next(iter(fields)) in errors_of(**fields)[0]


@given(st.dictionaries(st.sampled_from(["seed", "samples", "width"]), st.integers(1, 4)))
def test_the_digest_does_not_depend_on_the_order_of_fields(fields: dict[str, int]) -> None:
    """Equal edits have equal digests."""
    forth = Edit.model_validate(GOOD | fields)
    back = Edit.model_validate(dict(reversed((GOOD | fields).items())))
    assert forth.digest == back.digest


def test_the_digest_tells_parameters_apart_and_not_names() -> None:
    """The name is not a parameter."""
    edit = Edit.model_validate(GOOD)
    assert edit.digest != Edit.model_validate(GOOD | {"seed": 1}).digest
    assert edit.digest == Edit.model_validate(GOOD | {"custom_id": "other"}).digest


@pytest.mark.parametrize("batch", ["", "_inputs", ".x", "a/b", "x" * 65, "a\n"])
def test_a_bad_batch_id_is_refused(batch: str) -> None:
    """It becomes a part of S3 keys, beside ``_inputs/``."""
    with pytest.raises(InputError, match="not a valid id"):
        check_batch_id(batch)


def test_metadata_is_no_part_of_what_an_edit_is() -> None:
    """A table with another note in it pays for nothing again."""
    edit, noted = Edit.model_validate(GOOD), Edit.model_validate(GOOD | {"metadata": {"note": "a"}})
    assert (noted.metadata, noted.digest, noted.fields) == ({"note": "a"}, edit.digest, edit.fields)


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"n": 7}, "metadata.n 7 should be a valid string"),
        ({"n": None}, "metadata.n null should be a valid string"),
        ({"n": {"deep": "x"}}, "metadata.n"),
        ({"": "x"}, "at least 1 character"),
        ({"n" * 65: "x"}, "at most 64 characters"),
        ({"n": "x" * 501}, "at most 500 characters"),
        ({str(n): "x" for n in range(33)}, "at most 32 items"),
        ("note", "should be a valid dictionary"),
    ],
)
def test_metadata_is_a_flat_object_of_short_strings(metadata: object, error: str) -> None:
    """It is kept with each edit, and goes with each event."""
    (sentence,) = errors_of(metadata=metadata)
    assert error in sentence


@pytest.mark.parametrize("given", [{"init_image": "https://e.com/\ud83d.png"}, {"extra": {"a": ["\ud83d"]}}])
def test_half_of_a_character_is_refused(given: dict[str, Any]) -> None:
    """It cannot be sent, nor written into a table."""
    with pytest.raises(ValidationError, match="half of a character"):
        Edit(**{"custom_id": "a", "prompt": "x", "init_image": "https://e.com/a.png", **given})


def test_a_scheduler_of_another_program_is_told_what_to_write() -> None:
    """Not by a pattern."""
    with pytest.raises(ValidationError) as caught:
        Edit.model_validate(GOOD | {"scheduler": "Euler a"})
    [told] = explain(caught.value)
    assert "Euler a" in told
    assert "such as EulerAncestralDiscreteScheduler" in told


def test_the_defaults_of_the_api_are_values_that_its_fields_may_have() -> None:
    """Under the names that they have here."""
    assert API_DEFAULTS.keys() <= Edit.model_fields.keys()
    assert Edit.model_validate(GOOD | API_DEFAULTS).fields == Edit.model_validate(GOOD).fields | {
        name: value for name, value in API_DEFAULTS.items() if value is not None
    }
