"""``retouch results``: JSON lines, CSV and Parquet, with the fields that are asked for."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retouch.cli import flat, tables
from retouch.states import EditState
from tests.harness.disk import full_after
from tests.unit.cli.conftest import Run, Worker
from tests.unit.outside import Bucket

Manifest = Callable[..., str]
METADATA = {"sku": "0017", "formula": '=HYPERLINK("http://e.com")'}


@pytest.fixture
def batch(run: Run, manifest: Manifest, worker: Worker) -> str:
    """One that completed with two images and metadata, one that failed, one that has not ended."""
    edits = [{"strength": 0.5, "seed": 7, "metadata": METADATA}, {"prompt": '-5 °C, "cold"\nand wet', "strength": 1}]
    run("enqueue", manifest(*edits, {}), "--batch", "b")
    worker.complete(1, images=2)
    worker.complete(1, images=0, state=EditState.FAILED)
    return "b"


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_a_flat_column_for_each_value(run: Run, batch: str) -> None:
    """Those that occur: what identifies it first, then images, what it was made of, metadata last."""
    ended = run("results", batch, "--format", "csv")
    header = ended.out.splitlines()[0].split(",")
    assert header[:5] == ["custom_id", "state", "error.code", "error.message", "outputs.0.uri"]
    assert header[-2:] == ["metadata.formula", "metadata.sku"]
    assert "outputs.1.uri" in header
    assert "outputs.2.uri" not in header
    first, second = rows(ended.out)
    assert (first["custom_id"], first["state"], first["outputs.0.uri"]) == ("e0", "completed", "s3://bucket/b/e0/0.png")
    assert (first["outputs.0.blank"], first["parameters.seed"], first["metadata.sku"]) == ("false", "7", "0017")
    assert (second["state"], second["error.message"], second["outputs.0.uri"]) == ("failed", "no", "")


def test_a_text_that_a_spreadsheet_would_run_is_made_harmless(run: Run, batch: str) -> None:
    """It gets a ' before it; numbers do not, nor does anything in JSON."""
    first, second = rows(run("results", batch, "--format", "csv").out)
    assert first["metadata.formula"] == "'" + METADATA["formula"]
    assert second["parameters.prompt"] == '\'-5 °C, "cold"\nand wet'
    assert json.loads(run("results", batch).out.splitlines()[0])["metadata"] == METADATA


@pytest.mark.parametrize("number", ["-5", "+1", "-0.5", "-1,5"])
def test_a_negative_number_stays_a_number(run: Run, manifest: Manifest, worker: Worker, number: str) -> None:
    """A table of temperatures is not spoilt."""
    run("enqueue", manifest({"metadata": {"t": number}}), "--batch", "b")
    worker.complete(1)
    assert rows(run("results", "b", "--format", "csv").out)[0]["metadata.t"] == number


FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(1)", "=cmd|' /C calc'!A0", "+cmd|' /C calc'!A0", '@DDE("cmd")']
BEHIND_BLANKS = [
    "\t=1",
    "\r=1",
    "\n=1",
    "\tx",
    "\rx",
    "\nx",
    " =1",
    "   @x",
    "\u3000=1",
    "\ufeff=1",
    "\u200b=1",
    "\x00=1",
]
WIDE = ["\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20x", " \uff1d1"]


@pytest.mark.parametrize("text", [*FORMULAS, *BEHIND_BLANKS, *WIDE])
@pytest.mark.parametrize("dialect", [tables.PLAIN, *tables.SPREADSHEETS.values()])
def test_no_text_is_a_formula(text: str, dialect: tables.Dialect) -> None:
    """Whatever stands before its sign, in cells and in the names of columns; numbers are none."""
    out = io.StringIO()
    name = f"{text}name"
    tables.write_csv([{name: text, "n": -1e-07, "m": [-1], "x": f"a{text}"}], [name, "n", "m", "x"], out, dialect)
    header, row = csv.reader(
        io.StringIO(out.getvalue().removeprefix("\ufeff"), newline=""), delimiter=dialect.delimiter
    )
    assert (header[0], row[0]) == (f"'{name}", f"'{text}")
    assert row[1:] == ["-1e-07", "[-1]", f"a{text}"]


@pytest.mark.parametrize(("option", "delimiter", "half"), [(",", ",", "0.5"), (";", ";", "0,5"), ("tab", "\t", "0.5")])
def test_csv_for_a_spreadsheet(
    run: Run, manifest: Manifest, worker: Worker, option: str, delimiter: str, half: str, tmp_path: Path
) -> None:
    """A BOM, the delimiter of its country, decimal commas in numbers but in no text; ``enqueue`` reads it back."""
    prompt = 'Ä; 0.5,\t"x"'
    edits = [{"strength": 0.5, "seed": 7, "prompt": prompt, "metadata": {"v": "0.5"}}, {"strength": 1}]
    run("enqueue", manifest(*edits), "--batch", "b")
    worker.complete(2)
    worker.finish()
    fields = "custom_id,init_image,parameters.prompt,parameters.strength,parameters.seed,metadata.v"
    path = tmp_path / "b.csv"
    run("results", "b", "--format", "csv", "--delimiter", option, "--fields", fields, "-o", str(path))
    text = path.read_text("utf-8")
    assert text.startswith("\ufeffcustom_id")
    first = next(csv.DictReader(io.StringIO(text[1:]), delimiter=delimiter))
    told = [first[f"parameters.{name}"] for name in ("strength", "prompt")]
    assert [*told, first["metadata.v"]] == [half, prompt, "0.5"]
    again = [f"--column={ours}=parameters.{ours}" for ours in ("prompt", "strength", "seed")]
    assert run("enqueue", str(path), "--batch", "again", *again).code == 0
    worker.complete(2)
    both = [[json.loads(line) for line in run("results", batch).out.splitlines()] for batch in ("b", "again")]
    made = [[(one["custom_id"], one["parameters"], one["metadata"]) for one in batch] for batch in both]
    assert made[0] == made[1]


def test_a_delimiter_is_of_csv_and_one_of_three(run: Run, batch: str) -> None:
    """Nothing is printed otherwise."""
    for options, said in (
        (["--delimiter", ";"], "add --format csv"),
        (["--format", "csv", "--delimiter", "|"], "write one of ',' ';' tab"),
    ):
        ended = run("results", batch, *options)
        assert (ended.code, ended.out) == (2, "")
        assert said in ended.err


def test_half_a_character_does_no_harm() -> None:
    """JSON can hold it, and no file can."""
    assert flat.as_text("a\ud83d!") == "a?!"


def test_fields_are_chosen_in_their_order(run: Run, batch: str) -> None:
    """In each format; what an edit does not have is empty, or null."""
    fields = ("--fields", "metadata.sku, custom_id,outputs.0.uri")
    assert run("results", batch, "--format", "csv", *fields).out.splitlines() == [
        "metadata.sku,custom_id,outputs.0.uri",
        "0017,e0,s3://bucket/b/e0/0.png",
        ",e1,",
    ]
    lines = [json.loads(line) for line in run("results", batch, *fields).out.splitlines()]
    assert lines[0] == {"metadata.sku": "0017", "custom_id": "e0", "outputs.0.uri": "s3://bucket/b/e0/0.png"}
    assert lines[1] == {"metadata.sku": None, "custom_id": "e1", "outputs.0.uri": None}


def test_whole_objects_are_fields_as_well(run: Run, batch: str) -> None:
    """As they are in JSON, and as JSON in a table."""
    [first, _] = [json.loads(line) for line in run("results", batch, "--fields", "error,metadata").out.splitlines()]
    assert first == {"error": None, "metadata": METADATA}
    [cell, _] = rows(run("results", batch, "--format", "csv", "--fields", "metadata").out)
    assert json.loads(cell["metadata"]) == METADATA


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("uri", "outputs.0.uri"),
        ("prompt", "parameters.prompt"),
        ("sku", "metadata.sku"),
        ("metadata.seed", "seed"),
        ("metadata.skuu", "metadata.sku"),
        ("outputs.9.uri", "outputs.0.uri"),
        ("outputs.1.url", "outputs.1.uri"),
        ("strenght", "parameters.strength"),
        ("parameters.metadata", "metadata"),
        ("Status", "state"),
    ],
)
def test_a_field_that_there_is_not_is_named_with_what_is_meant_and_those_there_are(
    run: Run, batch: str, name: str, meant: str
) -> None:
    """Before anything is printed; of images, those that occur."""
    ended = run("results", batch, "--fields", f"custom_id,{name}")
    assert (ended.code, ended.out) == (2, "")
    assert f"there is no '{name}' in these results, did you mean {meant}? There are custom_id, state," in ended.err
    listed = ended.err.partition(" There are ")[2].strip().split(", ")
    assert {"outputs.0.uri", "outputs.1.uri", "metadata.sku", "parameters.seed", "metadata"} <= set(listed)
    assert not {"outputs.2.uri", "parameters.metadata", "parameters.custom_id"} & set(listed)
    assert len(listed) == len(set(listed))


def test_a_field_that_is_like_no_other_is_only_named(run: Run, batch: str) -> None:
    """Nothing is guessed."""
    said = run("results", batch, "--fields", "xyzzy,uri").err
    assert "there is no 'xyzzy' in these results; there are custom_id, state," in said


def test_a_field_of_the_api_that_no_edit_sets_is_a_field(run: Run, batch: str) -> None:
    """A script need not know what a batch has."""
    assert run("results", batch, "--format", "csv", "--fields", "parameters.scheduler").out.split() == [
        "parameters.scheduler",
        '""',
        '""',
    ]


def test_a_batch_without_results_has_a_header_alone(run: Run, manifest: Manifest) -> None:
    """And whatever metadata is asked for may come later."""
    run("enqueue", manifest({}), "--batch", "b")
    assert run("results", "b", "--format", "csv").out == "custom_id,state,outputs.0.uri\n"
    assert run("results", "b", "--format", "csv", "--fields", "metadata.sku").out == "metadata.sku\n"


def test_states_are_chosen(run: Run, batch: str) -> None:
    """In each format, and together with ``--blank``; a state that no edit ends in is refused."""
    [failed] = rows(run("results", batch, "--format", "csv", "--only", "failed").out)
    assert failed["custom_id"] == "e1"
    assert len(run("results", batch, "--only", "failed,completed").out.splitlines()) == 2
    assert run("results", batch, "--only", "completed", "--blank").out == ""
    assert run("results", batch, "-o", "-").out == run("results", batch).out
    assert "there are completed, failed, cancelled" in run("results", batch, "--only", "queued").err


def test_a_file_appears_when_it_is_whole(run: Run, batch: str, tmp_path: Path) -> None:
    """Nothing is printed then; one that cannot be written is bad input."""
    path = tmp_path / "r.csv"
    printed = run("results", batch, "--format", "csv").out
    ended = run("results", batch, "--format", "csv", "-o", str(path))
    assert (ended.out, ended.err, path.read_text()) == ("", f"saved: {path}\n", printed)
    assert run("results", batch, "-o", str(path)).err == f"replaced: {path}\n"
    assert [one.name for one in tmp_path.iterdir() if one.suffix != ".jsonl"] == ["r.csv"]
    assert run("results", batch, "-o", str(tmp_path / "none" / "r")).code == 2


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet"])
def test_a_full_disk_leaves_the_file_that_was_there(
    run: Run, batch: str, tmp_path: Path, format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence says so, and the next try succeeds."""
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda prefix: io.BytesIO())  # that disk is not full
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "r"
    path.write_text("before")
    with full_after(100):
        ended = run("results", batch, "--format", format_, "-o", str(path))
    assert ended.code == 2
    assert ended.err.startswith(f"retouch: -o {path} cannot be written: ")
    assert ended.err.endswith("File too large\n")
    assert [one.read_text() for one in path.parent.iterdir()] == ["before"]
    assert run("results", batch, "--format", format_, "-o", str(path)).code == 0
    assert path.stat().st_size > 100


def test_a_full_disk_of_temporary_files_is_one_sentence(run: Run, batch: str, tmp_path: Path) -> None:
    """It names the place, and how another one is chosen."""
    with full_after(100):
        ended = run("results", batch, "--format", "csv", "-o", str(tmp_path / "r"))
    assert ended.code == 2
    assert f"File too large in {tempfile.gettempdir()}; set TMPDIR to a folder with more space" in ended.err
    assert not (tmp_path / "r").exists()


def test_a_pipe_and_a_link_stay_what_they_are(run: Run, batch: str, tmp_path: Path) -> None:
    """A device too: as root, a file of that name would take its place."""
    (tmp_path / "out").mkdir()
    pipe, link, file = (tmp_path / "out" / name for name in ("pipe", "link", "file"))
    os.mkfifo(pipe)
    file.write_text("before")
    link.symlink_to(file)
    printed = run("results", batch).out
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert run("results", batch, "-o", str(pipe)).code == 0
    assert os.read(reader, 1 << 20).decode() == printed
    os.close(reader)
    assert run("results", batch, "-o", str(link)).code == 0
    assert (pipe.is_fifo(), link.is_symlink(), file.read_text()) == (True, True, printed)
    assert len(list(file.parent.iterdir())) == 3


def test_a_batch_that_has_left_redis_is_read_from_s3(
    run: Run, manifest: Manifest, worker: Worker, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same lines; without a bucket, it says which variables to set."""
    run("enqueue", manifest({}, {}), "--batch", "b")
    worker.complete(2)
    worker.finish()
    before = [run("results", "b", *options).out for options in ((), ("--format", "csv"))]
    run("remove", "b", "--yes")
    assert "set RETOUCH_BUCKET" in run("results", "b").err
    monkeypatch.setenv("RETOUCH_BUCKET", "bucket")
    assert [run("results", "b", *options).out for options in ((), ("--format", "csv"))] == before
    nowhere = run("results", "other")
    assert nowhere.code == 2
    assert "no s3://bucket/other/manifest.jsonl" in nowhere.err


def parquet(path: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The rows of a Parquet file, and the types of its columns."""
    reader = pytest.importorskip("pyarrow.parquet")
    table = reader.read_table(path, use_threads=False)
    return table.to_pylist(), {field.name: str(field.type) for field in table.schema}


def test_parquet_has_typed_columns(run: Run, batch: str, tmp_path: Path) -> None:
    """Whole numbers, numbers, moments, flags and texts; the same values as in JSON."""
    path = tmp_path / "r.parquet"
    assert run("results", batch, "--format", "parquet", "-o", str(path)).code == 0
    (first, second), types = parquet(path)
    told = {name: types[name] for name in ("parameters.seed", "parameters.strength", "completed_at", "custom_id")}
    assert list(told.values()) == ["int64", "double", "timestamp[ms, tz=UTC]", "string"]
    assert types["outputs.0.blank"] == "bool"
    assert (first["metadata.formula"], first["parameters.seed"]) == (METADATA["formula"], 7)
    assert (second["outputs.0.uri"], second["parameters.strength"]) == (None, 1.0)
    printed = json.loads(run("results", batch).out.splitlines()[0])["completed_at"]
    assert first["completed_at"].isoformat(timespec="milliseconds") == printed.replace("Z", "+00:00")


def test_parquet_is_written_page_by_page(run: Run, batch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page is a row group, and no row is lost between them."""
    reader = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("retouch.cli.tables.PAGE_ROWS", 1)
    run("results", batch, "--format", "parquet", "-o", str(tmp_path / "r"))
    assert reader.ParquetFile(tmp_path / "r").num_row_groups == 2
    assert [row["custom_id"] for row in parquet(tmp_path / "r")[0]] == ["e0", "e1"]


@pytest.mark.parametrize("values", [({"a": 1}, {"a": "x"}), ({"a": 2**70}, {"a": 1}), ({"a": [1]}, {"a": {"b": 2}})])
def test_parquet_takes_what_is_of_several_types_as_text(
    run: Run, manifest: Manifest, worker: Worker, tmp_path: Path, values: tuple[dict[str, Any], ...]
) -> None:
    """A producer's ``extra`` may be anything."""
    run("enqueue", manifest(*({"extra": value} for value in values)), "--batch", "b")
    worker.complete(len(values))
    run("results", "b", "--format", "parquet", "-o", str(tmp_path / "r"))
    found, types = parquet(tmp_path / "r")
    assert types["parameters.a"] == "string"
    texts = [value["a"] if isinstance(value["a"], str) else json.dumps(value["a"]) for value in values]
    assert [row["parameters.a"] for row in found] == texts


def test_parquet_is_not_printed_and_says_how_it_is_installed(
    run: Run, batch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal shows no bytes; without pyarrow one sentence says what to do."""
    assert "name a file with -o FILE" in run("results", batch, "--format", "parquet").err
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    ended = run("results", batch, "--format", "parquet", "-o", str(tmp_path / "r"))
    assert ended.code == 2
    assert "pip install 'pyarrow>=" in ended.err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("name", "begins"), [("r.csv", "custom_id,"), ("r.CSV", "custom_id,"), ("r.txt", '{"custom_id"')]
)
def test_a_file_is_written_as_its_name_ends(run: Run, batch: str, tmp_path: Path, name: str, begins: str) -> None:
    """Unless another format is asked for."""
    assert run("results", batch, "-o", str(tmp_path / name)).code == 0
    assert (tmp_path / name).read_text().startswith(begins)
    assert run("results", batch, "-o", str(tmp_path / name), "--format", "jsonl").code == 0
    assert (tmp_path / name).read_text().startswith("{")
