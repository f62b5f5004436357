"""Edits as numpy, pandas, polars and Arrow hold them.

The last three are 30 to 170 MB each, and pandas needs numpy where no other package does: here are stand-ins for what is
read of them, and each test runs with the real library too where that is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from retouch import Edit, EditQueue, InputError, RejectedEditsError
from retouch.ledger import PAGE, Ledger
from tests.harness.processes import run

np = pytest.importorskip("numpy")  # it comes with the exact token counter, which is not for every platform

NAN = float("nan")
NA = type("NAType", (), {})()  # as pandas has them
NAT = type("NaTType", (), {})()
GOOD: dict[str, Any] = {"prompt": "a cat", "init_image": "https://example.com/cat.png"}


def stored(ledger: Ledger, custom_id: str = "a") -> dict[str, Any]:
    """The parameters of an edit of batch b that are set."""
    view = ledger.reader.edit("b", custom_id)
    assert view is not None
    return {name: value for name, value in view.parameters.items() if value is not None}


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        ("width", np.int64(512), 512),
        ("width", 512.0, 512),
        ("width", np.float64(512), 512),
        ("width", np.array(512), 512),
        ("width", Decimal(512), 512),
        ("seed", np.uint32(7), 7),
        ("strength", np.float32(0.5), 0.5),
        ("strength", Decimal("0.5"), 0.5),
        ("strength", np.int64(1), 1.0),
        ("refiner", np.bool_(True), True),
        ("negative_prompt", np.str_("blurry"), "blurry"),
        ("width", NAN, None),
        ("width", np.float64("nan"), None),
        ("negative_prompt", NAN, None),
        ("negative_prompt", NA, None),
        ("negative_prompt", NAT, None),
        ("negative_prompt", np.datetime64("NaT", "ns"), None),
        ("width", Decimal("NaN"), None),
    ],
)
def test_a_value_of_another_library_is_its_plain_value(field: str, given: Any, kept: Any) -> None:
    """Of an Edit as of a mapping, and of the right type."""
    value = getattr(Edit.model_validate(GOOD | {"custom_id": "a", field: given}), field)
    assert (value, type(value)) == (kept, type(kept))


@pytest.mark.parametrize("value", [512.5, float("inf"), 2.0**60, np.array([512]), "512", True, object()])
def test_a_value_that_is_no_whole_number_is_still_refused(queue: EditQueue, value: Any) -> None:
    """Nothing is rounded, and no float of which digits may be lost is believed."""
    bad: dict[str, Any] = {
        "custom_id": "a",
        "samples": 1,
        "seed" if type(value) is float and value > 4096 else "width": value,
    }
    with pytest.raises(RejectedEditsError, match=r"width|seed"):
        queue.enqueue([GOOD | bad], batch="b")


def test_nan_is_not_set_and_none_is_the_apis_default(queue: EditQueue, ledger: Ledger) -> None:
    """A batch's default fills the one, and not the other."""
    edits = [GOOD | {"custom_id": "a", "strength": NAN}, GOOD | {"custom_id": "c", "strength": None}]
    queue.enqueue(edits, batch="b", defaults={"strength": np.float64(0.5), "width": NAN})
    assert stored(ledger, "a")["strength"] == 0.5
    assert "strength" not in stored(ledger, "c")


class ArrowTable:
    """As much of a pyarrow.Table as is read, page by page."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._all = rows
        self.num_rows = len(rows)
        self.schema = type("Schema", (), {"names": list(rows[0]) if rows else []})

    def __len__(self) -> int:
        return self.num_rows

    def slice(self, first: int, number: int) -> ArrowTable:
        assert number <= PAGE
        return ArrowTable(self._all[first : first + number])

    def to_pylist(self) -> list[dict[str, Any]]:
        assert self.num_rows <= PAGE
        return self._all


class PolarsFrame:
    """As much of a polars.DataFrame as is read."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows
        self.columns = list(rows[0])

    def __len__(self) -> int:
        return len(self._rows)

    def iter_rows(self, *, named: bool) -> Iterator[dict[str, Any]]:
        assert named
        return iter(self._rows)


class PandasFrame:
    """As much of a pandas.DataFrame as is read, page by page."""

    def __init__(self, rows: list[dict[str, Any]], columns: list[str] | None = None) -> None:
        self._rows = rows
        self.columns = columns or list(rows[0])
        self.iloc = self

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, page: slice) -> PandasFrame:
        return PandasFrame(self._rows[page], self.columns)

    def to_dict(self, *, orient: str) -> list[dict[str, Any]]:
        assert (orient, len(self) <= PAGE) == ("records", True)
        return [{name: NAN if value is None else value for name, value in row.items()} for row in self._rows]


Table = Callable[[list[dict[str, Any]]], Any]


def pandas(rows: list[dict[str, Any]]) -> Any:
    return pytest.importorskip("pandas").DataFrame(rows)


def arrow(rows: list[dict[str, Any]]) -> Any:
    return pytest.importorskip("pyarrow").Table.from_pylist(rows)


def polars(rows: list[dict[str, Any]]) -> Any:
    return pytest.importorskip("polars").DataFrame(rows)


@pytest.fixture(params=[PandasFrame, ArrowTable, PolarsFrame, pandas, arrow, polars], ids=lambda make: make.__name__)
def table(request: pytest.FixtureRequest) -> Table:
    """Makes a table of rows; those of large libraries where these are installed."""
    make: Table = request.param
    return make


def rows(number: int = 2, **more: Any) -> list[dict[str, Any]]:
    return [GOOD | {"custom_id": f"e{n}", "width": 512 if n % 2 else None, **more} for n in range(number)]


def test_a_table_is_a_list_of_edits(queue: EditQueue, ledger: Ledger, table: Table) -> None:
    """Of more than a page; an empty cell is not set, and the whole numbers beside it stay whole."""
    receipt = queue.enqueue(table(rows(PAGE + 3)), batch="b", defaults={"width": 256})
    assert (receipt.accepted, receipt.rejected) == (PAGE + 3, [])
    assert [stored(ledger, f"e{n}")["width"] for n in (0, 1, PAGE + 2)] == [256, 512, 256]


def test_a_table_is_checked_whole(queue: EditQueue, table: Table) -> None:
    """A bad row is told by its place."""
    with pytest.raises(RejectedEditsError, match=r"edit 1 \(e0\) and 1 other: strength 7.0 "):
        queue.enqueue(table(rows(2, strength=7.0)), batch="b")
    assert queue.batches() == []


def test_a_column_that_is_no_field_is_refused_or_kept(queue: EditQueue, ledger: Ledger, table: Table) -> None:
    """As metadata, which is text; an empty cell is none."""
    given = rows(2, sku=7, Promt="x")
    with pytest.raises(InputError, match=r"'sku', 'Promt', did you mean 'prompt'.*keep_columns=True"):
        queue.enqueue(table(given), batch="b")
    given[0]["sku"] = None
    assert queue.enqueue(table(given), batch="b", keep_columns=True).accepted == 2
    queue.cancel("b")
    assert [dict(r.metadata) for r in queue.results("b")] == [{"Promt": "x"}, {"sku": "7", "Promt": "x"}]


def test_columns_are_known_in_any_case(queue: EditQueue, ledger: Ledger, table: Table) -> None:
    """With blanks and hyphens too; two that mean one field are refused."""
    given = [{"Custom ID": "a", "PROMPT": "a cat", "init-image": GOOD["init_image"], "Width": 512}]
    assert queue.enqueue(table(given), batch="b").accepted == 1
    assert stored(ledger)["width"] == 512
    with pytest.raises(InputError, match="the column 'prompt' twice"):
        queue.enqueue(table([given[0] | {"prompt": "another"}]), batch="b")


def test_an_index_that_was_saved_as_a_column_is_no_column(queue: EditQueue, ledger: Ledger, table: Table) -> None:
    """pandas writes it to CSV and Parquet, and reads it back under such names."""
    given = [{"Unnamed: 0": n, "__index_level_0__": n, "index": n} | row for n, row in enumerate(rows())]
    assert queue.enqueue(table(given), batch="b").accepted == 2


def test_generators_and_lists_of_tables_are_read_table_after_table(queue: EditQueue, table: Table) -> None:
    """As ``pandas.read_csv(chunksize=…)`` and Arrow's batches come."""
    given = rows(6)
    parts = [given[:2], given[2:3], given[3:]]
    assert queue.enqueue((table(part) for part in parts), batch="b").accepted == 6
    assert queue.enqueue([table(part) for part in parts], batch="b").already == 6


class Dataset:
    """As much of a pyarrow.dataset.Dataset as is read."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.schema = ArrowTable(rows).schema
        self.to_batches = lambda: iter([ArrowTable(rows[:2]), ArrowTable(rows[2:])])


def test_an_arrow_dataset_is_read_batch_by_batch(queue: EditQueue) -> None:
    """It may be larger than memory, so it is not checked whole before."""
    given: Any = Dataset(rows(5))
    assert queue.enqueue(given, batch="b").accepted == 5


def test_two_columns_of_one_name_are_refused(queue: EditQueue) -> None:
    """pandas would drop one."""
    frame = PandasFrame([{"custom_id": "a", "prompt": "y"}], ["custom_id", "prompt", "prompt"])
    with pytest.raises(InputError, match="the column 'prompt' twice"):
        queue.enqueue(frame, batch="b")


def test_a_column_is_no_table(queue: EditQueue) -> None:
    """It is said what to give."""
    frame = pytest.importorskip("pandas").DataFrame(rows())
    for column in (frame["prompt"], frame.index):
        with pytest.raises(TypeError, match="one column; give the data frame"):
            queue.enqueue(column, batch="b")


def test_keep_columns_is_for_mappings_too(queue: EditQueue) -> None:
    """Beside the metadata that a mapping has itself; other types are written as text."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    edit = GOOD | {"custom_id": "a", "metadata": {"who": "me"}, "sku": 7.0, "when": moment, "nothing": NAN}
    queue.enqueue([edit], batch="b", keep_columns=True)
    queue.cancel("b")
    [result] = queue.results("b")
    assert result.metadata == {"who": "me", "sku": "7", "when": "2026-01-02T03:04:05+00:00"}


def test_no_library_of_tables_is_loaded(tmp_path: Path) -> None:
    """A producer without them pays nothing for them."""
    code = "import sys, retouch; print(*{m.split('.')[0] for m in sys.modules})"
    assert not {"numpy", "pandas", "polars", "pyarrow"} & set(run([sys.executable, "-c", code]).out.split())
