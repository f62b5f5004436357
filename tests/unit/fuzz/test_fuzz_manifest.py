"""The manifest reader under arbitrary bytes: lines, problems or one InputError, and nothing else ever."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.edit import CUSTOM_ID_PATTERN, RESERVED_CUSTOM_IDS, Edit
from retouch.errors import InputError
from retouch.intake.admission import Intake, InvalidEditError
from retouch.intake.manifest import Columns
from retouch.intake.manifest.cells import NOT_SET
from retouch.intake.manifest.foreign import shape_of
from retouch.intake.manifest.opening import recognised
from retouch.intake.source import Line
from retouch.ledger import ABOUT
from retouch.net.addresses import PrivateHosts

pytestmark = pytest.mark.no_cover  # the same lines thousands of times over

fuzz = settings(max_examples=100)

FIELDS = sorted(Edit.model_fields)
TEXTS = st.text() | st.sampled_from(["..", "a/b", "s3://a b/c", "http://127.1/", "http://[", "\ud800", "\x00", "1e999"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(FIELDS) | TEXTS, VALUES, max_size=6)
PIECES = st.sampled_from(
    [
        *(b"\n", b"\r\n", b"\r", b",", b'"', b'""', b"{", b"}", b"[", b"]", b":", b"\\ud800", b"\\", b"\x00", b"\xff"),
        *(b";", b"\t", b"|", b"\xff\xfe", b"sep=;\n", b"1,234.5", b"nan", b"custom_id;prompt\n", b"PAR1", b"ARROW1"),
        *(b"\xef\xbb\xbf", b"custom_id", b"prompt", b"extra", b"NaN", b"1e999", b"9" * 5000, b'{"custom_id": "a"}'),
    ]
)
FILES = st.lists(PIECES | st.binary(max_size=20), max_size=12).map(b"".join)


def read(data: bytes, name: str = "m", columns: Columns | None = None) -> list[Line]:
    """The lines of a manifest of these bytes."""
    stream = io.BufferedReader(io.BytesIO(data))
    return list(recognised(stream, name, columns or Columns()))


def only_json(value: Any) -> bool:
    """Whether a value is what JSON can say: no NaN, no infinity, names of text."""
    if isinstance(value, dict):
        return all(isinstance(name, str) and only_json(item) for name, item in value.items())
    if isinstance(value, list):
        return all(only_json(item) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, int | str)


@fuzz
@given(FILES, st.sampled_from(["m", "m.csv", "m.jsonl", "stdin"]), st.booleans())
def test_any_bytes_give_lines_or_one_error(data: bytes, name: str, keep: bool) -> None:
    """Whatever the file holds, each line is fields of JSON or a problem; or the file is refused."""
    try:
        lines = read(data, name, Columns(keep=keep))
    except InputError:
        return
    numbers = [line.number for line in lines]
    assert lines
    assert numbers == sorted(set(numbers))
    assert all(only_json(line.fields) and (line.problem is None or line.problem) for line in lines)


@fuzz
@given(st.lists(OBJECTS, min_size=1, max_size=4), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_objects_are_read_as_they_were_written(objects: list[dict[str, Any]], end: str) -> None:
    """JSON objects come back equal, one a line; those with NaN or infinity are refused by line."""
    try:
        lines = read((end.join(json.dumps(one) for one in objects) + end).encode())
    except InputError:
        assert shape_of(objects[0])
        return
    assert len(lines) == len(objects)
    for line, one in zip(lines, objects, strict=True):
        if line.problem is None:
            assert line.fields == one
        else:
            assert "NaN" in json.dumps(one) or "Infinity" in json.dumps(one)


@fuzz
@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=8), min_size=2, max_size=2),
        min_size=1,
        max_size=4,
    )
)
def test_cells_are_read_as_they_were_written(rows: list[list[str]]) -> None:
    """CSV that the standard library writes comes back cell by cell, whatever is quoted in it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerows([["custom_id", "prompt"], *([f"a{cell}", prompt] for cell, prompt in rows)])
    lines = read(out.getvalue().encode(), "m.csv")
    expected = [{"custom_id": f"a{cell}".strip(), "prompt": prompt} for cell, prompt in rows]
    assert [line.fields for line in lines] == [
        {name: text for name, text in one.items() if text.strip().casefold() not in NOT_SET} for one in expected
    ]


@fuzz
@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N"]), max_size=8), min_size=2, max_size=2)
    ),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_a_table_is_read_alike_however_it_is_written(
    rows: list[list[str]], separator: str, encoding: str, end: str
) -> None:
    """Separator, encoding and line ends are found, and change nothing."""

    def written(separator: str, end: str) -> str:
        cells = [["custom_id", "prompt"], ["a", "b"], *rows]
        return "".join(separator.join(f'"{cell}"' for cell in row) + end for row in cells)

    plain = read(written(",", "\n").encode(), "m.csv")
    assert read(written(separator, end).encode(encoding), "m.csv") == plain


@fuzz
@given(OBJECTS)
def test_any_object_is_an_edit_or_gets_reasons(fields: dict[str, Any]) -> None:
    """What is read becomes an edit whose name stays in its folder, or InvalidEditError, and nothing else."""
    intake = Intake({}, PrivateHosts())
    likely = {"custom_id": "a", "prompt": "x", "init_image": "https://example.com/a.png"}
    try:
        admitted = intake.admit(likely | fields)
    except InvalidEditError:
        return
    assert CUSTOM_ID_PATTERN.fullmatch(admitted.edit.custom_id)
    assert admitted.edit.custom_id not in RESERVED_CUSTOM_IDS
    assert json.loads(intake.entry(admitted).parameters).keys() <= Edit.model_fields.keys() | {ABOUT}
