"""Columns and keys that are not ours."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from retouch.errors import InputError
from retouch.intake.manifest import Columns
from tests.unit.intake.manifest.reading import outcome, read

URL = "https://example.com/a.png"


def objects(*lines: Mapping[str, object]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.mark.parametrize("name", ["caption", "Caption", " caption "])
def test_a_column_is_read_under_our_name(name: str) -> None:
    """Its case and blanks are no difference."""
    columns = Columns.parse(["prompt=caption", "custom_id = id"])
    assert outcome(f"id,{name},init_image\na,x,{URL}\n", columns=columns) == []
    assert f"{name.strip()} as prompt" in read(f"id,{name},init_image\na,x,{URL}\n", "m.csv", columns).notes[0]


def test_a_key_is_read_under_our_name() -> None:
    """In JSON lines and arrays too."""
    columns = Columns.parse(["prompt=caption", "metadata.sku=sku"])
    line = {"custom_id": "a", "caption": "x", "sku": 7, "init_image": URL}
    for data in (objects(line), json.dumps([line])):
        (read_line,) = read(data, columns=columns).lines
        assert read_line.fields == {"custom_id": "a", "prompt": "x", "init_image": URL, "metadata": {"sku": "7"}}


@pytest.mark.parametrize("pair", ["prompt", "prompt=", "foo=bar", "=x"])
def test_a_bad_pair_names_the_option(pair: str) -> None:
    """With what to write."""
    with pytest.raises(InputError, match="--column"):
        Columns.parse([pair])
    with pytest.raises(InputError, match="given twice"):
        Columns.parse(["prompt=a", "prompt=b"])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("custom_id,prompt\na,b\n", "prompt=caption: m.csv has no column 'caption' \\(it has 'custom_id', 'prompt'\\)"),
        ("custom_id,prompt,caption\na,b,c\n", "has the column 'prompt' twice: 'prompt' and 'caption'"),
        (objects({"custom_id": "a"}), "--column: no line of m.csv has 'caption'"),
    ],
)  # fmt: skip
def test_a_name_that_is_not_there_or_clashes_is_refused(data: str, said: str) -> None:
    """A typing error must not pass for a column that is not set."""
    with pytest.raises(InputError, match=said):
        read(data, "m.csv", Columns.parse(["prompt=caption"]))


def test_a_line_with_both_names_is_refused() -> None:
    """One of the two would be lost."""
    data = objects({"custom_id": "a", "prompt": "x", "caption": "y"})
    assert "has both 'prompt'" in (read(data, columns=Columns.parse(["prompt=caption"])).lines[0].problem or "")


def test_columns_that_are_kept_are_metadata() -> None:
    """Beside the metadata that is there."""
    data = 'custom_id,note,metadata.sku,metadata\na,hello,7,"{""run"": ""1""}"\n'
    found = read(data, "m.csv", Columns(keep=True))
    assert found.lines[0].fields == {"custom_id": "a", "metadata": {"run": "1", "note": "hello", "sku": "7"}}
    assert "kept as metadata: note" in found.notes


def test_keys_that_are_kept_are_metadata_as_text() -> None:
    """Numbers and booleans as JSON writes them; nothing is left out as nothing."""
    line = {"custom_id": "a", "n": 7, "f": 0.5, "b": True, "t": "x", "none": None, "metadata": {"run": "1"}}
    (found,) = read(objects(line), columns=Columns(keep=True)).lines
    assert found.fields["metadata"] == {"run": "1", "n": "7", "f": "0.5", "b": "true", "t": "x"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (objects({"custom_id": "a", "tags": ["x"]}), "line 1: has a field 'tags' that is nested"),
        (objects({"custom_id": "a", "t": "x", "metadata": {"t": "y"}}), "line 1: has 't' twice"),
        (f"custom_id,prompt,init_image,note\na,x,{URL},{'y' * 501}\n", "at most 500 characters"),
        ("custom_id," + ",".join(f"c{n}" for n in range(33)) + "\n", "has 33 columns that are not ours"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused(data: str, said: str) -> None:
    """Nothing is cut."""
    assert said in outcome(data, columns=Columns(keep=True))[0]


def test_unknown_keys_are_listed_once_with_what_to_do() -> None:
    """Each line is refused by its own sentence as well."""
    line = {"prompt": "x", "init_image": URL, "caption": "y"}
    data = objects(*({"custom_id": f"a{n}"} | line for n in range(3)))
    assert len(outcome(data, "m.jsonl")) == 3
    assert read(data).notes[0].startswith("m.jsonl has an unknown column 'caption'; write --column OURS=caption to")
    data = objects({"custom_id": "a", "image": URL, "text": "x"}, {"custom_id": "b", "sampler": "y"})
    assert "write --column init_image=image --column prompt=text --column scheduler=sampler to" in read(data).notes[0]


def test_case_and_blanks_in_keys_are_no_difference() -> None:
    """As in the header of a table; it is said."""
    line = {"Custom_ID": "a", "Prompt": "x", "initImage": URL, "SKU": 7}
    columns = Columns.parse(["metadata.sku=sku"])
    for data in (objects(line), json.dumps([line])):
        found = read(data, columns=columns)
        assert found.lines[0].fields == {"custom_id": "a", "prompt": "x", "init_image": URL, "metadata": {"sku": "7"}}
        assert "keys read: Custom_ID as custom_id, Prompt as prompt, initImage as init_image" in found.notes[-1]
    (problem,) = (line.problem for line in read(objects({"prompt": "x", "Prompt": "y"})).lines)
    assert problem == "has both 'prompt' and 'Prompt', which is read as 'prompt'"
