"""Reading a manifest: JSONL or CSV, one edit a line.

A line that cannot be read becomes a ``Line`` with a ``problem``, so that one pass finds every bad line. If the whole
file is wrong (binary, a CSV header without a known column), InputError is raised. Only one line at a time is held in
memory.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from retouch.edit import Edit
from retouch.errors import InputError
from retouch.intake.source import Line

MAX_LINE = 1024 * 1024  # bytes; an edit has some hundred
STDIN = "-"
_HEAD = 8192  # bytes that are read to see whether the file is text
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Manifest:
    """An open manifest, a ``Source``. ``stream`` must be buffered (``peek``)."""

    def __init__(self, stream: BinaryIO, name: str, *, csv_by_name: bool = False, sniff: bool = False) -> None:
        self.name = name
        self.notes: list[str] = []
        self._stream = stream
        head = _peek(stream)
        if head.startswith(_UTF16):
            raise InputError(f"{name} is UTF-16; save it as UTF-8")
        start = head.removeprefix(_BOM).lstrip()[:1]
        if start != b"{" and _is_binary(head):
            raise InputError(f"{name} is a binary file, not JSONL or CSV")
        if start == b"[" and not csv_by_name:
            raise InputError(
                f"{name} is a JSON array; a manifest is JSONL: write one object a line, without the brackets"
            )
        self._looks_like_jsonl = start == b"{"
        self.is_csv = csv_by_name or (sniff and start not in (b"", b"{"))

    @property
    def exact(self) -> bool:
        """Whether a number is a number: not in CSV."""
        return not self.is_csv

    def __iter__(self) -> Iterator[Line]:
        return self._csv() if self.is_csv else self._jsonl()

    def _jsonl(self) -> Iterator[Line]:
        read = objects = 0
        first = ""
        for number, text, problem in _lines(self._stream):
            read += 1
            fields: dict[str, Any] = {}
            if not problem:
                try:
                    fields = _object(text)
                    objects += 1
                except ValueError as error:
                    problem = str(error)
            first = first or f"line {number} {problem}"
            yield Line(number, fields, problem)
        if not read:
            raise InputError(f"{self.name} is empty: it holds no edit")
        if not objects and not self._looks_like_jsonl:
            raise InputError(f"{self.name} is not JSONL (a CSV file needs the suffix .csv): {first}")

    def _csv(self) -> Iterator[Line]:
        rows = csv.reader(_csv_text(self.name, self._stream), strict=True)
        header: list[str] | None = None
        read = before = 0
        try:
            for row in rows:
                number, before = before + 1, rows.line_num
                if not any(cell.strip() for cell in row):
                    continue
                if header is None:
                    header = _header(self.name, row)
                    continue
                read += 1
                yield _csv_line(number, header, row)
        except csv.Error as error:
            raise InputError(f"{self.name} line {rows.line_num} is not CSV: {error}") from None
        if not read:
            raise InputError(f"{self.name} is empty: it holds no edit")


@contextmanager
def opened(path: str) -> Iterator[Manifest]:
    """A manifest of this path (``-``: stdin), closed at the end; raises InputError if it cannot be read, or is none."""
    name = "stdin" if path == STDIN else path
    with _stream(path) as stream:
        yield Manifest(stream, name, csv_by_name=path.lower().endswith(".csv"), sniff=path == STDIN)


@contextmanager
def _stream(path: str) -> Iterator[BinaryIO]:
    if path == STDIN:
        if sys.stdin is None:  # closed by the process that started us
            raise InputError("stdin is closed, so that no manifest can be read from it")
        yield sys.stdin.buffer
        return
    try:
        stream = open(path, "rb")  # noqa: SIM115 - closed below; its error is not the reader's
    except IsADirectoryError:
        raise InputError(f"{path} is a directory, not a manifest") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"cannot read {path}: {reason}") from None
    with stream:
        yield stream


def _peek(stream: BinaryIO) -> bytes:
    peek = getattr(stream, "peek", None)
    return bytes(peek(_HEAD)[:_HEAD]) if peek else b""


def _is_binary(head: bytes) -> bool:
    if b"\x00" in head:
        return True
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start < len(head) - 3  # else only the last character is incomplete
    return False


def _lines(stream: BinaryIO) -> Iterator[tuple[int, str, str | None]]:
    """Yield number, text and problem of each line that is not blank."""
    number = 0
    while raw := stream.readline(MAX_LINE + 1):
        number += 1
        if len(raw) > MAX_LINE:
            _skip_rest(stream, raw)
            yield number, "", f"is longer than {MAX_LINE // 1024} KiB"
            continue
        if number == 1:
            raw = raw.removeprefix(_BOM)
        if not (raw := raw.strip()):
            continue
        if b"\x00" in raw:
            yield number, "", "holds a NUL byte"
            continue
        try:
            yield number, raw.decode(), None
        except UnicodeDecodeError as error:
            yield number, "", f"is not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start + 1}"


def _skip_rest(stream: BinaryIO, raw: bytes) -> None:
    while raw and not raw.endswith(b"\n"):
        raw = stream.readline(MAX_LINE)


def _object(text: str) -> dict[str, Any]:
    """Parse one JSON object strictly; raises ValueError with the end of a sentence about the line."""
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at position {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except _NotAllowedError as error:
        raise ValueError(f"is not allowed: {error}") from None
    except ValueError:  # an integer of thousands of digits
        raise ValueError("holds a number that is too long") from None
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 - the text is wrong, not the caller
    return value


class _NotAllowedError(Exception):
    """Python's JSON reader accepts it, but it is certainly a mistake."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise _NotAllowedError(f"the field {twice[:80]!r} is there twice")
    return fields


def _no_constant(name: str) -> float:
    raise _NotAllowedError(f"{name} is not a number")


def _finite(text: str) -> float:
    if math.isfinite(number := float(text)):
        return number
    raise _NotAllowedError(f"{text[:40]} is too large a number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)


def _csv_text(name: str, stream: BinaryIO) -> Iterator[str]:
    """Yield the lines as text with their ends, for quoted cells that span lines; a bad line raises InputError."""
    number = 0
    while raw := stream.readline(MAX_LINE + 1):
        number += 1
        if len(raw) > MAX_LINE:
            raise InputError(f"{name} line {number} is longer than {MAX_LINE // 1024} KiB")
        if b"\x00" in raw:
            raise InputError(f"{name} line {number} holds a NUL byte")
        try:
            yield (raw.removeprefix(_BOM) if number == 1 else raw).decode()
        except UnicodeDecodeError as error:
            raise InputError(
                f"{name} line {number} is not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start + 1}"
            ) from None


def _header(name: str, row: list[str]) -> list[str]:
    columns = [cell.strip() for cell in row]
    unknown = [c for c in columns if c not in Edit.model_fields]
    if "custom_id" not in columns and len(unknown) == len(columns):
        raise InputError(
            f"{name} is not CSV of edits: its first line names no known column, such as custom_id or prompt"
        )
    if unknown:
        raise InputError(
            f"{name} has an unknown column {unknown[0][:80]!r} (columns: {', '.join(Edit.model_fields)};"
            " fields of your own for the API go as JSON into extra)"
        )
    if twice := [column for column, count in Counter(columns).items() if count > 1]:
        raise InputError(f"{name} has the column {twice[0]!r} twice")
    if "custom_id" not in columns:
        raise InputError(f"{name} has no column custom_id, which every edit needs")
    return columns


def _csv_line(number: int, header: list[str], row: list[str]) -> Line:
    fields: dict[str, Any] = {name: cell for name, cell in zip(header, row, strict=False) if cell.strip()}
    if len(row) != len(header):
        return Line(number, fields, f"has {len(row)} cells, the header has {len(header)}")
    if "extra" in fields:
        try:
            fields["extra"] = _object(fields["extra"])
        except ValueError as error:
            return Line(number, fields, f"has a cell 'extra' that {error}")
    return Line(number, fields)
