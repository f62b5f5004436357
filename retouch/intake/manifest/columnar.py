"""Tables in columns: Parquet, Arrow and Feather, through pyarrow."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pyarrow import feather, ipc, parquet

from retouch.errors import InputError
from retouch.intake.manifest.columns import Columns
from retouch.intake.manifest.layout import Layout
from retouch.intake.source import Line

_ROWS = 1000  # in memory at a time; each may hold a picture


class Columnar:
    """A file in columns, a ``Source``; lines are numbered by their place in it."""

    def __init__(self, path: str, columns: Columns) -> None:
        self.notes: list[str] = []
        self._path = path
        self._columns = columns

    def __iter__(self) -> Iterator[Line]:
        number = 0
        layout: Layout | None = None
        try:
            for batch in _batches(self._path):
                layout = layout or Layout(self._path, batch.schema.names, self._columns)
                for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    yield Line(number, *layout.fields([_plain(cell) for cell in row]))
        except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: of a text that is not UTF-8, a year 0
            if isinstance(error, OSError) and error.strerror:
                raise InputError(f"cannot read {self._path}: {error.strerror}") from None
            raise InputError(
                f"{self._path} cannot be read as Parquet or Arrow: it is cut, damaged, or of a kind that pyarrow"
                f" {pa.__version__} does not read; write it again, or as CSV"
            ) from None
        if layout is None or not number:
            raise InputError(f"{self._path} is empty: it holds no edit")
        self.notes += layout.notes()


def _batches(path: str) -> Iterator[pa.RecordBatch]:
    # Arrow's own file, and no threads: one of Python's is read by Arrow's threads under the interpreter's lock, while
    # whoever holds that lock may wait for them for ever, deaf to signals (apache/arrow#50482 is one such case).
    with pa.OSFile(path) as stream:
        magic = stream.read(6)
        stream.seek(0)
        if magic.startswith(b"PAR1"):
            yield from parquet.ParquetFile(stream, pre_buffer=False).iter_batches(_ROWS, use_threads=False)
        elif magic.startswith(b"ARROW1"):
            reader = ipc.open_file(stream)
            for n in range(reader.num_record_batches):
                yield from _slices(reader.get_batch(n))
        elif magic.startswith(b"FEA1"):
            for batch in feather.read_table(path, use_threads=False).to_batches(_ROWS):
                yield batch
        else:
            for batch in ipc.open_stream(stream):
                yield from _slices(batch)


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for first in range(0, batch.num_rows, _ROWS):
        yield batch.slice(first, _ROWS)


def _plain(cell: Any) -> Any:
    """A picture's bytes (also as Hugging Face's datasets keep them) as a data URI, all else as it is."""
    if isinstance(cell, dict) and cell.keys() == {"bytes", "path"}:
        cell = cell["bytes"] or cell["path"]
    if isinstance(cell, bytes):
        return f"data:;base64,{b64encode(cell).decode()}"
    return cell
