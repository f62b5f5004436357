"""``results.parquet``: its rows, its types, its bytes, and what docs/tables.md shows of it."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import pytest
from pyarrow import parquet

from retouch.edit import Parameters
from retouch.errors import InputError
from retouch.records.results import OutputRecord, ResultRecord
from retouch.results import table as table_module
from retouch.results.table import COLUMNS, PARAMETERS, ResultsTable
from tests.harness.pages import blocks
from workers.stack.child import ROOT

PAGE = ROOT / "docs" / "tables.md"


def image(number: int, **other: Any) -> dict[str, Any]:
    """An image of a result."""
    size = {"sha256": f"{number:064x}", "bytes": 1000 + number, "width": 512, "height": 384}
    return {
        "uri": f"s3://b/{number}.png",
        **size,
        "content_type": "image/png",
        "blank": False,
        "filtered": False,
        **other,
    }


def result(custom_id: str, *outputs: dict[str, Any], **other: Any) -> dict[str, Any]:
    """A result with all its fields."""
    return {
        "custom_id": custom_id,
        "state": "completed",
        "attempts": 1,
        "provider_id": "p1",
        "seed": 7,
        "outputs": list(outputs),
        "error": None,
        "possible_duplicate": False,
        "submitted_at": "2026-11-26T09:00:00.120Z",
        "completed_at": "2026-11-26T09:00:04.350Z",
        "parameters": {"model_id": "sd1.5", "prompt": "a cat", "strength": 0.6, "seed": 7, "clip_skip": 2},
        "init_image": "photos/a.jpg",
        "uploaded_as": "s3://b/_inputs/a.jpg",
        "redo_of": None,
        "metadata": {"sku": "17", "Sku": "18"},
        **other,
    }


FAILED = result(
    "failed",
    state="failed",
    seed=None,
    provider_id=None,
    submitted_at=None,
    error={"code": "refused", "message": "no such model"},
    parameters={"prompt": "half \ud83d"},
    metadata={},
)
RESULTS = [result("two", image(1), image(2, blank=True)), result("may", image(3, blank="suspect")), FAILED]


def made(results: list[dict[str, Any]], page: int = 500) -> bytes:
    """The file of these results, which come in pages."""
    table = ResultsTable("postcards")
    pieces = [table.add(results[first : first + page]) for first in range(0, len(results), page)]
    return b"".join([*pieces, table.close()])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of the results above."""
    path = tmp_path / "postcards" / "results.parquet"
    path.parent.mkdir()
    path.write_bytes(made(RESULTS))
    return path


def rows(path: Path, what: str) -> list[tuple[Any, ...]]:
    """What DuckDB reads of it."""
    return duckdb.connect().execute(f"SELECT {what} FROM '{path}'").fetchall()


def test_there_is_a_row_for_each_image_and_for_each_edit_without(file: Path) -> None:
    """In the batch's order; an edit without an image has nulls where its image would be."""
    assert rows(file, "batch, custom_id, state, output_index, output_uri, output_bytes") == [
        ("postcards", "two", "completed", 0, "s3://b/1.png", 1001),
        ("postcards", "two", "completed", 1, "s3://b/2.png", 1002),
        ("postcards", "may", "completed", 0, "s3://b/3.png", 1003),
        ("postcards", "failed", "failed", None, None, None),
    ]
    assert rows(file, "error_code, error_message")[-1] == ("refused", "no such model")
    assert rows(file, "output_blank, output_suspect, output_filtered") == [
        (False, False, False),
        (True, False, False),
        (False, True, False),
        (None, None, None),
    ]


def test_values_have_their_types(file: Path) -> None:
    """Moments are moments, numbers numbers; what has no column of its own is in ``extra``; texts are Unicode."""
    [first, *_, last] = parquet.read_table(file).to_pylist()
    assert first["completed_at"] == datetime(2026, 11, 26, 9, 0, 4, 350_000, tzinfo=UTC)
    assert (first["seed"], first["strength"], first["width"], first["output_width"]) == (7, 0.6, None, 512)
    assert (first["extra"], first["metadata"]) == ('{"clip_skip": 2}', [("sku", "17"), ("Sku", "18")])
    assert (last["submitted_at"], last["seed"], last["extra"], last["metadata"]) == (None, None, None, [])
    assert last["prompt"] == "half ?"


def test_every_field_of_a_result_has_a_column() -> None:
    """A new field, or a new parameter of an edit, is not left out."""
    fields = set(ResultRecord.__annotations__) - {"outputs", "error", "parameters"}
    assert fields <= set(COLUMNS)
    outputs = {f"output_{name}" for name in OutputRecord.__annotations__}
    assert outputs <= set(COLUMNS)
    assert set(PARAMETERS) == set(Parameters.model_fields) - {"seed"}


def test_the_columns_do_not_depend_on_the_results() -> None:
    """So that the files of all batches are one table; nothing at all is one, too."""
    schemas = {str(parquet.read_schema(pyarrow.BufferReader(made(some)))) for some in (RESULTS, [FAILED], [])}
    assert len(schemas) == 1


def test_the_same_results_make_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that takes the end of a batch over writes the object again."""
    monkeypatch.setattr(table_module, "ROW_GROUP", 7)
    many = RESULTS * 20
    assert made(many) == made(many)


def test_a_row_group_is_given_away_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits in memory is a group and a page at most, however many edits there are."""
    monkeypatch.setattr(table_module, "ROW_GROUP", 10)
    table, ready = ResultsTable("b"), []
    for _ in range(50):
        ready.append(len(table.add(RESULTS)))
        assert table._rows < 10
    assert [bool(size) for size in ready[:6]] == [True, False, True, False, False, True]  # the first: the file's mark
    data = made(RESULTS * 50, page=3)
    file = parquet.ParquetFile(pyarrow.BufferReader(data))
    assert file.metadata.num_rows == 200
    assert {file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)} == {12, 8}


def test_where_pyarrow_is_missing_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"needs pyarrow, which is not installed: pip install 'pyarrow>="):
        ResultsTable("b")


# --- docs/tables.md -----------------------------------------------------------------------------


def sql(beginning: str) -> str:
    """The block of SQL in the page that begins so."""
    [found] = [one for one in blocks(PAGE.read_text()) if one.language == "sql" and one.text.startswith(beginning)]
    return found.text


def test_the_lines_for_duckdb_run(file: Path) -> None:
    """On local files; a secret needs an extension, which DuckDB fetches."""
    statements = sql("CREATE SECRET").replace("s3://my-edits", str(file.parent.parent)).split(";")
    secret, groups, images = (statement.strip() for statement in statements[:3])
    assert secret == "CREATE SECRET (TYPE s3, PROVIDER credential_chain)"
    connection = duckdb.connect()
    assert connection.execute(groups).fetchall() == [("completed", None, 2), ("failed", "refused", 1)]
    assert [row[:2] for row in connection.execute(images).fetchall()] == [
        ("17", "s3://b/1.png"),
        ("17", "s3://b/3.png"),
    ]


def test_the_lines_for_pandas_run(file: Path) -> None:
    """Where it is installed."""
    pandas = pytest.importorskip("pandas")
    [call] = re.findall(r"`pd\.(read_parquet\(.*?\))`", PAGE.read_text())
    [column] = re.findall(r'`(table\["metadata"\].*?)`', PAGE.read_text())
    read = call.replace("s3://my-edits", str(file.parent.parent))
    table = eval(f"pd.{read}", {"pd": pandas})
    assert eval(column, {"table": table}).tolist()[:1] == ["17"]
    assert str(table["seed"].dtype).startswith("int64")


def test_the_statement_for_athena_has_the_files_columns(file: Path) -> None:
    """Each with the type that it has in the file, but for the batch, which is in the folder's name."""
    hive = {"text": "string", "int": "bigint", "number": "double", "flag": "boolean", "moment": "timestamp"}
    hive["map"] = "map<string, string>"
    [columns] = re.findall(r"TABLE edits \((.*?)\n\)", sql("CREATE EXTERNAL"), re.DOTALL)
    declared = re.findall(r"(\w+) (map<.*?>|\w+)", columns)
    assert declared == [(name, hive[kind]) for name, kind in COLUMNS.items() if name != "batch"]


def test_the_page_names_every_column() -> None:
    """And no other."""
    rows = re.findall(r"^\| (`.*?`) \| .* \|", PAGE.read_text(), re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(COLUMNS)
