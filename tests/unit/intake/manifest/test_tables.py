"""Tables as spreadsheets, pandas, R and databases write them."""

from __future__ import annotations

import csv
from itertools import product

import pytest

from retouch.errors import InputError
from retouch.intake.manifest import table
from retouch.intake.manifest.lines import MAX_TEXT
from retouch.intake.source import Line
from tests.unit.intake.manifest.reading import outcome, read

HEADER, ROW = "custom_id,prompt,init_image", "a,a cat,https://example.com/cat.png"


def test_cells_become_fields_and_empty_ones_are_not_set() -> None:
    """Quoted line ends and JSON in ``extra`` are read."""
    data = 'custom_id,prompt,seed,extra\r\na,"b\nc",,"{""d"": 1}"\r\n\r\ne,f,3,\r\n'
    assert read(data, "m.csv").lines == [
        Line(2, {"custom_id": "a", "prompt": "b\nc", "extra": {"d": 1}}),
        Line(5, {"custom_id": "e", "prompt": "f", "seed": 3}),
    ]


@pytest.mark.parametrize(
    ("separator", "encoding", "end"),
    list(product([",", ";", "\t", "|"], ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"], ["\n", "\r\n", "\r"])),
)
def test_separators_encodings_and_line_ends_are_found(separator: str, encoding: str, end: str) -> None:
    """In any combination, whatever the file is called."""
    rows = [HEADER.split(","), ["a", "un café, s'il vous plaît", "https://example.com/cat.png"]]
    text = "".join(separator.join(f'"{cell}"' for cell in row) + end for row in rows)
    for name in ("m.csv", "m.tsv", "m.txt", "stdin", "m"):
        assert read(text.encode(encoding), name).lines == [Line(2, dict(zip(*rows, strict=True)))]


@pytest.mark.parametrize("told", ["sep=;", "SEP=;", '"sep=;"'])
def test_a_separator_that_is_told_is_obeyed(told: str) -> None:
    """Excel writes this line, and it counts as one."""
    assert read(f"{told}\r\ncustom_id;prompt\r\na;b, c\r\n", "m.csv").lines == [
        Line(3, {"custom_id": "a", "prompt": "b, c"})
    ]


def test_a_separator_of_one_character_of_another_kind_is_obeyed_if_it_is_told() -> None:
    """It is not looked for."""
    assert read("sep=^\ncustom_id^prompt\na^b\n", "m.csv").lines[0].fields == {"custom_id": "a", "prompt": "b"}


@pytest.mark.parametrize(
    "header",
    [
        "Custom_ID,PROMPT,Init_Image",
        " custom_id , prompt,init_image ",
        '"custom_id","prompt","init_image"',
        "Custom ID,Prompt,Init Image",
        "customId,prompt,initImage",
        "custom-id,prompt,init-image",
        "\ufeffcustom_id,prompt,init_image",
    ],
)
def test_case_blanks_and_quotes_in_a_header_are_no_difference(header: str) -> None:
    """A person typed it."""
    assert outcome(f"{header}\n{ROW}\n") == []


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (f",{HEADER}\n0,{ROW}\n", "it counts the rows"),
        (f"Unnamed: 0,{HEADER}\n7,{ROW}\n", "it counts the rows"),
        (f'"",{HEADER}\n"1",{ROW}\n', "it counts the rows"),
        (f"{HEADER},\n{ROW},\n", "it is empty"),
        (f"{HEADER},,\n{ROW},,\n", "it is empty"),
        (f"{HEADER}\n{ROW},,,\n", "empty cells after the last column"),
    ],
)
def test_a_column_without_a_name_that_says_nothing_is_left_out(data: str, note: str) -> None:
    """An index of pandas or R, or what a spreadsheet adds; and it is said."""
    assert outcome(data) == []
    assert any(note in said for said in read(data, "m.csv").notes)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f"cat,{ROW},", "line 2: has a cell '' that holds 'cat' and has no name; name the column"),
        (f"0,{ROW},7", "line 2: has a cell '' that holds '7' and has no name"),
    ],
)
def test_a_column_without_a_name_that_says_something_is_refused(row: str, said: str) -> None:
    """Else the names that an index has would be lost without a word."""
    assert outcome(f",{HEADER},\n{row}\n")[0].startswith(said)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("a,b", "has 2 cells, the header has 3"),
        ("a", "has 1 cell, the header has 3"),
        ("a,b,c,d", "has 4 cells, the header has 3; a cell with , in it must stand in double quotes"),
        ("a,“b, c”,d", "has 4 cells, the header has 3; a typographic quote (“)"),
        ('a,"b"c,d', 'has a " inside a cell that begins with one; write it twice'),
    ],
)
def test_a_bad_row_is_named_and_the_next_one_is_read(line: str, problem: str) -> None:
    """By its line in an editor."""
    lines = read(f'{HEADER}\n\na,"b\nc",d\n{line}\n{ROW}\n', "m.csv").lines
    assert [seen.number for seen in lines] == [3, 5, 6]
    assert (lines[1].problem or "").startswith(problem)
    assert lines[0].problem is lines[2].problem is None


@pytest.mark.parametrize(
    ("encoding", "prompt"),
    [
        ("cp1251", "кот"),
        ("cp1251", "картина маслом, 4k"),
        ("koi8-r", "рыжий кот"),
        ("cp1253", "μια γάτα"),
        ("cp1255", "חתול"),
        ("cp1256", "قطة على"),
        ("gbk", "油画风格"),
        ("euc-kr", "고양이"),
        ("euc-jp", "猫の絵"),
        ("cp1250", "błękitny kot"),
    ],
)
def test_an_encoding_of_another_language_is_refused(encoding: str, prompt: str) -> None:
    """Read as Windows-1252, its prompts would be paid for as garbage."""
    data = f"{HEADER}\na,a cat,https://e.com/a.png\nb,{prompt},https://e.com/a.png\n".encode(encoding)
    (said,) = outcome(data)
    assert "line 3 is neither UTF-8 nor Windows-1252" in said
    assert "save it as UTF-8" in said


@pytest.mark.parametrize(
    "prompt",
    [
        "«été» à l'œuvre, où il naît; ÉTÉ",
        "¿Qué? ¡Niño!",
        "Ærøskøbing, blåbær på åen, øl",
        "Þórður á æfingu, ýmis",
        "Größe 5 m², 20 °C, 3 € … — „süß“",
        "ação, coração, às três",
        "Äiti sää, öljyä",
    ],
)
def test_western_texts_are_read_in_windows_1252(prompt: str) -> None:
    """And it is said."""
    found = read(f"{HEADER}\na,{prompt},b\n".replace(",b", "\tb").replace("a,", "a\t", 1).encode("cp1252"), "m.csv")
    assert "Windows-1252" in str(found.notes)


def test_a_cell_that_is_too_large_is_refused_and_a_long_word_is_no_trouble() -> None:
    """In the time that it takes to read it."""
    (said,) = outcome(f"{HEADER}\na,{'é' + 'x' * MAX_TEXT},https://e.com/a.png\n".encode("cp1252"))
    assert said == "line 2: has a cell 'prompt' that is longer than 1024 KiB, without a picture in it"
    data = f"{HEADER}\na,{'x' * (MAX_TEXT // 2)}é,https://e.com/a.png\n".encode("cp1252")
    assert "line 2 has 'xxxxxxxxxxxxxxxxxxxxé'" in str(read(data, "m.csv").notes)


def test_a_cell_without_an_end_ends_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows after it would be told one by one, and all as wrong."""
    monkeypatch.setattr(table, "MAX_LINE", 1000)
    before = csv.field_size_limit(1000)
    try:
        said = outcome(f'{HEADER}\na,"' + "x y\n" * 1000 + ROW)
    finally:
        csv.field_size_limit(before)
    assert said == ['m.csv line 2 has a cell that is too large, or that begins with " and does not end']


def test_a_header_that_stands_there_again_is_told_as_that() -> None:
    """Tables are put together with ``cat``; as an edit it would be told as three mistakes."""
    said = outcome(f"{HEADER}\n{ROW}\nCustom_ID,prompt,init_image\n{ROW.replace('a', 'b', 1)}\n")
    assert said == ["line 3: is the header once more, as where tables were put together; take it out"]


def test_all_cells_that_are_wrong_are_told() -> None:
    """Else the second one shows only when the first is mended."""
    (said,) = outcome(f"{HEADER},seed,strength\n{ROW},1.7E+9,60%\n")
    assert "has a cell 'seed' that holds '1.7E+9'" in said
    assert "; has a cell 'strength' that holds '60%'" in said
    (said,) = outcome(f"{HEADER},seed\na,x,no-such.png,1.7E+9\n")
    assert "has a cell 'seed' that holds '1.7E+9'" in said
    assert "; init_image no-such.png: No such file" in said


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"custom_id,foo\n", "an unknown column 'foo'; write --column .* or --keep-columns .*ours: .*custom_id"),
        (b"custom_id,caption,note\n", "unknown columns 'caption', 'note'; write --column prompt=caption to read"),
        (b"custom_id,prompt,caption\n", "an unknown column 'caption'; write --column OURS=caption to read it"),
        (
            b"sku,my text,Image URL,text\n",
            "it has 'sku'.* Write --column custom_id=sku --column 'init_image=Image URL' --column prompt=text to read",
        ),
        (b"custom_id,prompt,stength\n", "--column strength=stength"),
        (b"a,b\n1,2\n", "its header names no known column.* it has 'a', 'b'"),
        (b"custom_id,seed,Seed\n", "column 'seed' twice: 'seed' and 'Seed'"),
        (b"custom_id" + b",seed" * 200_000 + b"\n", "column 'seed' twice"),
        (b"prompt\nx\n", "no column custom_id.* --column custom_id=sku"),
        (b"custom_id\n", "is empty: it has a header"),
        (b"\n\n", "is empty"),
        (b'custom_id\n"a\n', "line 2: has a cell that begins with \" and does not end"),
        (b"custom_id\na\x00\n", "line 2 holds a NUL byte|is a binary file"),
        (b"custom_id,prompt\na,caf\xe9\nb,caf\xc3\xa9\n", "line 3 has another encoding than the lines before it"),
        (b"custom_id,prompt\na,caf\xc3\xa9\nb,caf\xe9\n", "line 3 has another encoding than the lines before it"),
        (b"custom_id,prompt\na,\x81\n", "line 2 is neither UTF-8 nor Windows-1252: byte 0x81 at position 3"),
        (b"custom_id,prompt\na,\xd8\x00".replace(b"a", b"\x00"), "is a binary file|NUL"),
        ("custom_id,prompt\na,b".encode("utf-16")[:-1], "is not whole UTF-16"),
    ],
)  # fmt: skip
def test_a_bad_table_gets_one_sentence(data: bytes, sentence: str) -> None:
    """A header or an encoding that is wrong makes every row wrong."""
    said = " ".join(outcome(data))
    with pytest.raises(InputError, match=sentence):
        raise InputError(said)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"PK\x03\x04rest", "a workbook"),
        (b"\xd0\xcf\x11\xe0rest", "an old Excel workbook"),
        (b"\x1f\x8brest", "compressed with gzip; write: gunzip -c m.csv"),
        (b"<!DOCTYPE html>", "HTML"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "a picture"),
        (b"custom_id\x00\x00\x00\x00", "a binary file"),
    ],
)
def test_a_file_of_another_kind_is_called_by_its_name(data: bytes, what: str) -> None:
    """With what to do, where that is known."""
    (said,) = outcome(data)
    assert f"m.csv is {what}" in said


def test_a_note_says_what_was_not_set() -> None:
    """So that a column of them is seen before it is paid for."""
    found = read("custom_id,prompt,seed,strength\na,b,NaN,n/a\nc,d,NaN,0.5\n", "m.csv")
    assert "read as not set: 'NaN' in 2 cells, 'n/a' in 1 cell" in found.notes
