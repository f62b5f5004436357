"""A batch's results as a Parquet file, ``results.parquet``: a row for each image, for programs that read tables.

Its columns are the same for every batch, so that the files of many can be read as one table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from retouch.errors import InputError
from retouch.extras import install

ROW_GROUP = 10_000  # rows that are in memory, at most a page more

_NAME = {"batch": "text", "custom_id": "text", "state": "text", "error_code": "text", "error_message": "text"}
_IMAGE = {
    **{"output_index": "int", "output_uri": "text", "output_sha256": "text", "output_bytes": "int"},
    **{"output_width": "int", "output_height": "int", "output_content_type": "text"},
    **{"output_blank": "flag", "output_suspect": "flag", "output_filtered": "flag"},
}
_EDIT = {
    **{"init_image": "text", "uploaded_as": "text", "redo_of": "text", "seed": "int", "attempts": "int"},
    **{"provider_id": "text", "possible_duplicate": "flag", "submitted_at": "moment", "completed_at": "moment"},
}
_COST = {"cost": "number", "currency": "text"}
PARAMETERS = {
    **{"model_id": "text", "prompt": "text", "negative_prompt": "text", "num_inference_steps": "int"},
    **{"strength": "number", "samples": "int", "guidance_scale": "number", "width": "int", "height": "int"},
    **{"scheduler": "text", "refiner": "flag", "safety_checker": "flag"},
}
COLUMNS = {**_NAME, **_IMAGE, **_EDIT, **_COST, **PARAMETERS, "extra": "text", "metadata": "map"}


class ResultsTable:
    """Makes the file of one batch piece by piece: ``add`` and ``close`` return the bytes that are ready by then.

    The same results make the same bytes. Raises InputError where pyarrow is not installed.
    """

    def __init__(self, batch: str) -> None:
        self._arrow, parquet = load_arrow()
        self._batch = batch
        self._schema = self._arrow.schema([(name, self._type(kind)) for name, kind in COLUMNS.items()])
        self._pieces = _Pieces()
        self._writer = parquet.ParquetWriter(self._pieces, self._schema)
        self._waiting: list[Any] = []  # tables of the row group that is not full yet
        self._rows = 0

    def add(self, records: Iterable[Mapping[str, Any]]) -> bytes:
        """Take results, as ``manifest.jsonl`` has them; their bytes are ready once a row group is full."""
        rows = [row for record in records for row in rows_of(self._batch, record)]
        self._waiting.append(self._arrow.Table.from_pylist(rows, schema=self._schema))
        self._rows += len(rows)
        if self._rows >= ROW_GROUP:
            self._write()
        return self._pieces.take()

    def close(self) -> bytes:
        """The rest of the file."""
        self._write()
        self._writer.close()
        return self._pieces.take()

    def _write(self) -> None:
        if self._rows:
            self._writer.write_table(self._arrow.concat_tables(self._waiting), row_group_size=self._rows)
        self._waiting, self._rows = [], 0

    def _type(self, kind: str) -> Any:
        arrow = self._arrow
        types = {
            "text": arrow.string,
            "int": arrow.int64,
            "number": arrow.float64,
            "flag": arrow.bool_,
            "moment": lambda: arrow.timestamp("ms", tz="UTC"),
            "map": lambda: arrow.map_(arrow.string(), arrow.string()),
        }
        return types[kind]()


class _Pieces:
    """A file that is only written to: what was written can be taken out of it."""

    closed = False

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(self._written[-1])

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        taken, self._written = b"".join(self._written), []
        return taken


def load_arrow() -> tuple[Any, Any]:
    """The modules ``pyarrow`` and ``pyarrow.parquet``; raises InputError where they are not installed."""
    try:
        import pyarrow  # noqa: PLC0415 - the extra `tables` is optional, and slow to load
        from pyarrow import parquet  # noqa: PLC0415 - the same
    except ImportError:
        raise InputError(f"needs pyarrow, which is not installed: {install('pyarrow')}") from None
    return pyarrow, parquet


def rows_of(batch: str, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A row for each image of a result; one without an image for a result that has none."""
    sent, error, cost = dict(record["parameters"]), record["error"] or {}, record.get("cost") or {}
    sent.pop("seed", None)  # the result's own
    edit = {
        "batch": batch,
        "error_code": error.get("code"),
        "error_message": error.get("message"),
        **{name: record[name] for name in ("custom_id", "state", *_EDIT)},
        "cost": cost.get("amount"),
        "currency": cost.get("currency"),
        **{name: sent.pop(name, None) for name in PARAMETERS},
        "extra": json.dumps(sent, sort_keys=True) if sent else None,
        "metadata": [(_text(name), _text(value)) for name, value in record["metadata"].items()],
    }
    row = {name: _cell(kind, edit.get(name)) for name, kind in COLUMNS.items()}
    images = [row | _image(place, output) for place, output in enumerate(record["outputs"])]
    yield from images or [row]


def _image(place: int, output: Mapping[str, Any]) -> dict[str, Any]:
    told = {f"output_{name}": value for name, value in output.items() if name != "blank"}
    told |= {"output_blank": output["blank"] is True, "output_suspect": output["blank"] == "suspect"}
    return {"output_index": place, **{name: told[name] for name in _IMAGE if name in told}}


def _cell(kind: str, value: Any) -> Any:
    if kind == "text":
        return None if value is None else _text(value)
    if kind == "moment":
        return None if value is None else datetime.fromisoformat(value)
    return value


def _text(value: str) -> str:
    return value.encode(errors="replace").decode()  # half a surrogate pair, which JSON can hold, is no UTF-8
