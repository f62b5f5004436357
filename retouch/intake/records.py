"""Edits as Python programs hold them: mappings, data frames, Arrow tables, and generators of these.

Data frames are known by their methods, so that no such library is imported; they are read in pages, not copied whole.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping, Sized
from os import PathLike
from typing import Any, NamedTuple, Protocol

from retouch.edit import Edit, unknown_fields
from retouch.errors import InputError
from retouch.intake.reading import Manifest, lines_of
from retouch.intake.source import Line
from retouch.intake.text_rows import field_of, fields_of, is_text_row
from retouch.intake.uploads import Inputs
from retouch.ledger import PAGE
from retouch.plain_values import plain, plain_fields


class Columns(Protocol):
    """A frame of pandas or polars, as far as a type checker can tell."""

    @property
    def columns(self) -> Any:
        """The names of its columns."""


class Columnar(Protocol):
    """A table, a batch or a dataset of Arrow."""

    @property
    def schema(self) -> Any:
        """The names and types of its columns."""


Edits = Manifest | Iterable[Edit | Mapping[str, Any] | Columns | Columnar] | Columns | Columnar

# Names that pandas gives to an index, and to a column without a name.
_INDEX = re.compile(r"|Unnamed: \d+|index|level_\d+|__index_level_\d+__")
_BYTES = (bytes, bytearray, memoryview)


class Records:
    """Edits from Python, a ``Source``: a line's number is the edit's place, from 1.

    ``whole``: all of them are there, and not made one after the other. Raises TypeError, here or while it is read,
    for what is no edit. ``inputs`` takes pictures that are bytes or open files. ``keep_columns``: what is no field of
    an edit is kept as its metadata.
    """

    def __init__(self, edits: Edits, inputs: Inputs, *, keep_columns: bool = False) -> None:
        if wrong := _wrong_kind(edits):
            raise TypeError(f"edits is {wrong}")
        self._edits: Any = edits
        self._inputs = inputs
        self._keep_columns = keep_columns
        self.notes: list[str] = []
        self.whole = isinstance(edits, Sized | Manifest)
        self.noun = "line" if isinstance(edits, Manifest) else "edit"

    def __iter__(self) -> Iterator[Line]:
        if isinstance(self._edits, Manifest):
            yield from lines_of(self._edits, keep_columns=self._keep_columns)
            return
        for number, record in enumerate(self._records(), 1):
            if isinstance(record, Edit):
                yield Line(number, {}, edit=record)
            elif isinstance(record, Mapping):
                yield self._line(number, dict(record))
            else:
                raise TypeError(f"edit {number} is {_kind(record)}, and not an Edit or a mapping of its fields")

    def _records(self) -> Iterator[Any]:
        frame = _frame(self._edits)
        for item in [self._edits] if frame else self._edits:
            if frame := _frame(item):
                yield from self._rows(frame)
            else:
                yield item

    def _rows(self, frame: _Frame) -> Iterator[dict[str, Any]]:
        fields = {str(name): field_of(str(name)) for name in frame.columns}
        names = [fields[str(name)] for name in frame.columns]
        if twice := [name for name, number in Counter(names).items() if number > 1]:
            raise InputError(f"the table has the column {twice[0]!r} twice")
        other = [name for name in names if name not in Edit.model_fields and not _INDEX.fullmatch(name)]
        if other and not self._keep_columns:
            raise InputError(
                f"the table has columns that are no fields of an edit: {unknown_fields(other)}; leave them out, or"
                " keep them with the edits (as metadata) with keep_columns=True"
            )
        for row in frame.rows():
            yield {fields[str(n)]: v for n, v in row.items() if v is not None and not _INDEX.fullmatch(str(n))}

    def _line(self, number: int, record: dict[str, Any]) -> Line:
        try:
            fields = fields_of(_without_index(record)) if is_text_row(record) else record
            fields = _with_metadata(plain_fields(fields)) if self._keep_columns else fields
            fields, shown = with_picture(fields, self._inputs)
        except InputError as error:
            return Line(number, record, str(error))
        return Line(number, fields, shown=shown)


def with_picture(fields: dict[str, Any], inputs: Inputs) -> tuple[dict[str, Any], str | None]:
    """The same fields; a picture that is bytes or an open file is taken, and named for people. Raises InputError."""
    if "init_image" not in fields:
        return fields, None
    try:
        address, shown = _picture(fields["init_image"], inputs)
    except InputError as error:
        raise InputError(f"init_image {error}") from None
    return {**fields, "init_image": address}, shown


def _picture(value: Any, inputs: Inputs) -> tuple[Any, str | None]:
    if isinstance(value, _BYTES):
        return inputs.take(bytes(value), "the picture given as bytes"), _size(value)
    if not callable(getattr(value, "read", None)):
        return value, None
    name = getattr(value, "name", None)
    called = str(name or "the picture given as a file")
    if isinstance(data := _content(value), _BYTES):
        return inputs.take(bytes(data), called), name if isinstance(name, str) else _size(data)
    raise InputError(f"{called} is open as text; open it with mode 'rb'")


def _size(picture: bytes | bytearray | memoryview) -> str:
    return f"{memoryview(picture).nbytes:,} bytes"


def _without_index(row: dict[Any, Any]) -> dict[Any, Any]:
    return {name: cell for name, cell in row.items() if name is None or not _INDEX.fullmatch(name)}


def _content(file: Any) -> Any:
    """What is left to read; a file is left where it was, so that it can be given for several edits."""
    if not callable(getattr(file, "seekable", None)) or not file.seekable():
        return file.read()
    begin = file.tell()
    data = file.read()
    file.seek(begin)
    return data


def _with_metadata(fields: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in fields.items() if name in Edit.model_fields}
    kept = {str(n): _text(value) for n, value in fields.items() if n not in own and value is not None}
    return own | ({"metadata": kept | dict(own.get("metadata") or {})} if kept else {})


def _text(value: Any) -> str:
    value = plain(value)
    if isinstance(value, float) and value.is_integer():  # whole numbers, in a column that has an empty cell
        return f"{value:.0f}"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


class _Frame(NamedTuple):
    """A data frame or a table: its columns, and a reader of its rows."""

    columns: Iterable[Any]
    rows: Callable[[], Iterator[dict[str, Any]]]


def _frame(value: Any) -> _Frame | None:
    """How to read ``value``, if it is a table of Arrow, or a frame of polars or pandas."""
    if isinstance(value, Mapping | list | tuple | Edit):
        return None
    if hasattr(value, "to_pylist") and hasattr(value, "schema"):
        return _Frame(value.schema.names, lambda: _arrow_rows(value))
    if hasattr(value, "to_batches") and hasattr(value, "schema"):  # an Arrow dataset, which may be larger than memory
        return _Frame(value.schema.names, lambda: (row for batch in value.to_batches() for row in _arrow_rows(batch)))
    if hasattr(value, "iter_rows") and hasattr(value, "columns"):
        return _Frame(value.columns, lambda: value.iter_rows(named=True))
    if hasattr(value, "iloc") and hasattr(value, "columns"):
        return _Frame(value.columns, lambda: _pandas_rows(value))
    return None


def _arrow_rows(table: Any) -> Iterator[dict[str, Any]]:
    for first in range(0, table.num_rows, PAGE):
        yield from table.slice(first, PAGE).to_pylist()


def _pandas_rows(frame: Any) -> Iterator[dict[str, Any]]:
    for first in range(0, len(frame), PAGE):
        yield from frame.iloc[first : first + PAGE].to_dict(orient="records")


def _wrong_kind(edits: Any) -> str:
    """What is wrong with ``edits`` as a whole; empty if it may hold edits."""
    if isinstance(edits, Edit | Mapping):
        return f"one {'Edit' if isinstance(edits, Edit) else 'mapping'}; put it into a list"
    if isinstance(edits, str | PathLike | bytes | bytearray):
        return f"{_kind(edits)}; give edits, or a file with retouch.read_manifest"
    if hasattr(edits, "collect") and hasattr(edits, "collect_schema"):
        return f"{_kind(edits)}; give what its method collect() returns"
    if hasattr(edits, "to_frame") and not hasattr(edits, "columns"):
        return f"{_kind(edits)}, one column; give the data frame"
    if isinstance(edits, AsyncIterable):
        return f"{_kind(edits)}; collect it first: [edit async for edit in edits]"
    if _frame(edits) is None and not isinstance(edits, Iterable):
        return f"{_kind(edits)}; give an iterable of Edits or mappings, or a data frame"
    return ""


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"
