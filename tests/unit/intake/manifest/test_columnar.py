"""Parquet and Arrow."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import feather, ipc, parquet

from retouch.errors import InputError
from retouch.intake.manifest import Columns, opened
from retouch.intake.source import Line

EDITS = pa.table(
    {
        "Custom_ID": [17, 18],
        "prompt": ["a cat", None],
        "init_image": ["a.png", "b.png"],
        "width": [512.0, float("nan")],
        "refiner": [True, None],
        "day": [date(2026, 11, 26), None],
        "__index_level_0__": [0, 1],
    }
)


def to_stream(table: pa.Table, path: Path) -> None:
    with ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)


WRITERS: list[Callable[[pa.Table, Path], object]] = [
    parquet.write_table,
    lambda table, path: feather.write_feather(table, str(path)),
    to_stream,
]


def read(path: Path, **columns: Any) -> tuple[list[Line], list[str]]:
    with opened(str(path), Columns(**columns)) as source:
        return list(source), source.notes


@pytest.mark.parametrize("write", WRITERS)
def test_values_have_their_types_and_missing_ones_are_not_set(
    tmp_path: Path, write: Callable[[pa.Table, Path], object]
) -> None:
    """Told by content, whatever the file is called."""
    write(EDITS, tmp_path / "m.csv")
    lines, notes = read(tmp_path / "m.csv", keep=True)
    assert lines == [
        Line(1, {"custom_id": "17", "prompt": "a cat", "init_image": "a.png", "width": 512, "refiner": True,
                 "metadata": {"day": "2026-11-26"}}),
        Line(2, {"custom_id": "18", "init_image": "b.png"}),
    ]  # fmt: skip
    assert "a column without a name is left out (it counts the rows)" in notes


def test_a_column_of_pictures_is_taken(tmp_path: Path) -> None:
    """As bytes, or as Hugging Face's datasets keep them."""
    structs = [{"bytes": b"ab", "path": "a.png"}, {"bytes": None, "path": "b.png"}]
    for images, first in ((structs, "data:;base64,YWI="), ([b"ab", b"c"], "data:;base64,YWI=")):
        parquet.write_table(pa.table({"custom_id": ["a", "b"], "init_image": images}), tmp_path / "m.parquet")
        assert read(tmp_path / "m.parquet")[0][0].fields["init_image"] == first


def test_a_broken_file_is_one_sentence(tmp_path: Path) -> None:
    """And so is one without rows."""
    (tmp_path / "m.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(
        InputError, match=r"cannot be read as Parquet or Arrow: it is cut, damaged, or .*; write it again"
    ):
        read(tmp_path / "m.parquet")
    no_text = pa.array([b"\xff"]).view(pa.utf8())
    parquet.write_table(pa.table({"custom_id": ["a"], "prompt": no_text}), tmp_path / "m.parquet")
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "m.parquet")
    parquet.write_table(EDITS.slice(0, 0), tmp_path / "m.parquet")
    with pytest.raises(InputError, match="is empty"):
        read(tmp_path / "m.parquet", keep=True)


def test_without_pyarrow_it_is_said_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A producer does without it."""
    real = builtins.__import__

    def without(name: str, *args: Any, **more: Any) -> Any:
        if name.endswith("columnar"):
            raise ImportError(name)
        return real(name, *args, **more)

    parquet.write_table(EDITS, tmp_path / "m.parquet")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'pyarrow>="):
        read(tmp_path / "m.parquet")
