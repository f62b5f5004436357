"""Opening a manifest: what it is, is told by how it begins; its name helps only where that could be anything."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import BinaryIO

from retouch.errors import InputError
from retouch.extras import install
from retouch.intake.manifest.columns import Columns
from retouch.intake.manifest.jsonl import JsonArray, Jsonl
from retouch.intake.manifest.lines import BOM, recoded, utf16_of
from retouch.intake.manifest.table import SEPARATORS, Table, header_of
from retouch.intake.source import Source

STDIN = "-"
_HEAD = 8192  # bytes that are looked at
_TABLES = (".csv", ".tsv", ".tab", ".psv", ".txt")

_COLUMNAR = re.compile(rb"PAR1|ARROW1|FEA1|\xff\xff\xff\xff")
_OTHERS = (
    (rb"PK\x03\x04", "a workbook (Excel, LibreOffice, Numbers) or a zip archive; save the sheet as CSV UTF-8"),
    (rb"\xd0\xcf\x11\xe0", "an old Excel workbook; save the sheet as CSV UTF-8"),
    (rb"\x1f\x8b", "compressed with gzip; write: gunzip -c {name} | retouch enqueue -"),
    (rb"\x28\xb5\x2f\xfd", "compressed with zstd; write: zstd -dc {name} | retouch enqueue -"),
    (rb"BZh", "compressed with bzip2; write: bunzip2 -c {name} | retouch enqueue -"),
    (rb"\xfd7zXZ", "compressed with xz; write: xz -dc {name} | retouch enqueue -"),
    (rb"SQLite format 3", "an SQLite database; write its table as CSV"),
    (rb"\x89PNG|\xff\xd8\xff|RIFF.{4}WEBP|GIF8", "a picture; a manifest names pictures in its lines"),
    (rb"%PDF", "a PDF"),
    (
        rb"\x80[\x02-\x05]|\x93NUMPY",
        "an object of Python; write it with to_csv, or to_json(orient='records', lines=True)",
    ),
    (rb"(?:\xef\xbb\xbf)?\s*<", "HTML or XML; save the table as CSV"),
)
_OTHERS_COMPILED = tuple((re.compile(magic, re.DOTALL), what) for magic, what in _OTHERS)


@contextmanager
def opened(path: str, columns: Columns | None = None) -> Iterator[Source]:
    """A manifest of this path (``-``: stdin), closed at the end; raises InputError if it cannot be read, or is none."""
    name = "stdin" if path == STDIN else path
    with _stream(path) as stream:
        yield recognised(stream, name, columns or Columns())


def recognised(stream: BinaryIO, name: str, columns: Columns) -> Source:
    """The source that a buffered stream (``peek``) is, by its beginning; raises InputError if it is none."""
    head = _peek(stream)
    if _COLUMNAR.match(head):
        return _columnar(name, columns)
    for magic, what in _OTHERS_COMPILED:
        if magic.match(head):
            raise InputError(f"{name} is {what.format(name=name)}")
    if encoding := utf16_of(head):
        stream = recoded(stream, encoding, name)
        head = _peek(stream)
    if b"\x00" in head and not head.lstrip().startswith(b"{"):  # there it spoils one line
        raise InputError(f"{name} is a binary file, not a manifest")
    source = _of_text(stream, head.removeprefix(BOM), name, columns)
    if encoding:
        source.notes.append(f"{name} is read as UTF-16")
    return source


def declared(stream: BinaryIO, name: str, columns: Columns, *, table: bool) -> Source:
    """The source that a buffered stream is said to be: a table of text, or else JSONL. No file is opened."""
    if encoding := utf16_of(_peek(stream)):
        stream = recoded(stream, encoding, name)
    return Table(stream, name, columns) if table else Jsonl(stream, name, columns, certain=True)


def _of_text(stream: BinaryIO, head: bytes, name: str, columns: Columns) -> Source:
    start = head.lstrip()[:1]
    if start == b"[":
        return JsonArray(stream, name, columns)
    suffix = PurePath(name).suffix.lower()
    if start != b"{" and (suffix in _TABLES or name == "stdin" or _has_header(head, columns)):
        return Table(stream, name, columns)
    return Jsonl(stream, name, columns, certain=start == b"{")


def _has_header(head: bytes, columns: Columns) -> bool:
    lines = head.decode("latin-1").splitlines(keepends=True)[:3]
    return any(columns.ours(cell.strip()) for separator in SEPARATORS for cell in header_of(lines, separator))


def _columnar(path: str, columns: Columns) -> Source:
    if path == "stdin":
        raise InputError("stdin is Parquet or Arrow; name the file, which must be read from its end")
    try:
        from retouch.intake.manifest.columnar import Columnar  # noqa: PLC0415 - the extra `tables` is optional
    except ImportError:
        raise InputError(f"{path} is Parquet or Arrow, and pyarrow is not installed: {install('pyarrow')}") from None
    return Columnar(path, columns)


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
