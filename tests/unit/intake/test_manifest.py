"""Reading manifests, the good and the bad."""

from __future__ import annotations

import io

import pytest

from retouch.errors import InputError
from retouch.intake.manifest import MAX_LINE, Manifest
from retouch.intake.source import Line

ONE = b'{"custom_id": "a"}'


def read(data: bytes, name: str = "m.jsonl", *, sniff: bool = False) -> list[Line]:
    stream = io.BufferedReader(io.BytesIO(data))
    return list(Manifest(stream, name, csv_by_name=name.endswith(".csv"), sniff=sniff))


@pytest.mark.parametrize("data", [ONE, ONE + b"\n", b"\xef\xbb\xbf" + ONE + b"\r\n", b"\r\n \n" + ONE])
def test_bom_crlf_and_blank_lines_are_accepted(data: bytes) -> None:
    """What editors and other systems leave behind is no error."""
    (line,) = read(data)
    assert line.fields == {"custom_id": "a"}
    assert line.problem is None


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    """Blank lines count."""
    assert [line.number for line in read(b"\n" + ONE + b"\n\n" + ONE)] == [2, 4]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"garbage", "is not JSON: Expecting value at position 1"),
        (b"5", "is not a JSON object"),
        (b'{"a": "\x00"}', "holds a NUL byte"),
        (b'{"a": "caf\xe9"}', "is not UTF-8: byte 0xe9 at position 11"),
        (b'{"a": 1, "a": 2}', "is not allowed: the field 'a' is there twice"),
        (b'{"a": NaN}', "is not allowed: NaN is not a number"),
        (b'{"a": -1e999}', "is not allowed: -1e999 is too large a number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "holds a number that is too long"),
        (b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "is nested too deeply"),
        (b'{"a": "' + b"x" * MAX_LINE + b'"}', "is longer than 1024 KiB"),
    ],
)
def test_a_bad_line_is_named_and_the_next_one_is_read(line: bytes, problem: str) -> None:
    """One bad line does not hide the others."""
    lines = read(ONE + b"\n" + line + b"\n" + ONE)
    assert [seen.problem for seen in lines] == [None, problem, None]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is a binary file"),
        (b"\xff" * 100, "is a binary file"),
        (ONE.decode().encode("utf-16"), "is UTF-16"),
        (b"[\n" + ONE + b"]", "is a JSON array"),
        (b"hello\nworld\n", "is not JSONL"),
    ],
)
def test_a_file_that_is_no_manifest_gets_one_sentence(data: bytes, sentence: str) -> None:
    """Instead of one for each of its lines."""
    with pytest.raises(InputError, match=sentence):
        read(data)


def test_csv_cells_become_fields_and_empty_ones_are_not_set() -> None:
    """Quoted line ends and JSON in ``extra`` are read."""
    data = b'custom_id,prompt,seed,extra\r\na,"b\nc",,"{""d"": 1}"\r\n\r\ne,f,3,\r\n'
    assert read(data, "m.csv") == [
        Line(2, {"custom_id": "a", "prompt": "b\nc", "extra": {"d": 1}}),
        Line(5, {"custom_id": "e", "prompt": "f", "seed": "3"}),
    ]


def test_csv_on_stdin_is_told_by_its_first_byte() -> None:
    """There is no suffix to go by."""
    assert read(b"custom_id\na\n", "stdin", sniff=True) == [Line(2, {"custom_id": "a"})]
    assert read(ONE, "stdin", sniff=True)[0].fields == {"custom_id": "a"}


def test_a_short_row_and_a_bad_extra_are_named() -> None:
    """Rows go by themselves, as lines do."""
    lines = read(b"custom_id,extra\na\nb,{\n", "m.csv")
    assert lines[0].problem == "has 1 cells, the header has 2"
    assert (lines[1].problem or "").startswith("has a cell 'extra' that is not JSON")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"custom_id,foo\n", "unknown column 'foo'"),
        (b"a,b\n1,2\n", "names no known column"),
        (b"custom_id,seed,seed\n", "column 'seed' twice"),
        (b"custom_id" + b",seed" * 200_000 + b"\n", "column 'seed' twice"),
        (b"prompt\nx\n", "no column custom_id"),
        (b"custom_id\n", "is empty"),
        (b'custom_id\n"a\n', "line 2 is not CSV"),
        (b"custom_id\n\xff\n", "line 2 is not UTF-8"),
    ],
)
def test_a_bad_csv_gets_one_sentence(data: bytes, sentence: str) -> None:
    """A header that is wrong makes every row wrong."""
    with pytest.raises(InputError, match=sentence):
        read(data, "m.csv")
