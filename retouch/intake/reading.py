"""Manifests for Python programs: the same files as ``retouch enqueue`` takes, as mappings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from retouch import image_address
from retouch.errors import InputError
from retouch.image_address import ImageKind
from retouch.intake.manifest import Columns, opened
from retouch.intake.source import Line, Source

_COLUMN = r"--column ('[^']*'|[\w.]+=[^\s,;:)]+)"
_COLUMNS = re.compile(f"{_COLUMN}(?: {_COLUMN})*")


class Manifest:
    """The edits of a manifest as mappings of their fields, read anew each time it is iterated over.

    ``EditQueue.enqueue`` takes it as it is: it is checked whole, and errors name its lines. Its edits may also be
    changed first: ``[edit | {"seed": 7} for edit in manifest]``. Iterating raises InputError at a line that cannot be
    read. ``notes``: how it was read, where that was not certain; complete when all is read.
    """

    def __init__(self, path: str, columns: Columns) -> None:
        self.notes: list[str] = []
        self._path = path
        self._columns = columns
        with self._opened():
            pass

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for line in lines_of(self):
            if line.problem:
                raise InputError(f"{self._path} line {line.number} {line.problem}")
            yield line.fields

    @contextmanager
    def _opened(self, *, keep: bool = False) -> Iterator[Source]:
        columns = replace(self._columns, keep=self._columns.keep or keep)
        try:
            with opened(self._path, columns) as source:
                yield source
        except InputError as error:
            raise InputError(in_python(str(error))) from None


def lines_of(manifest: Manifest, *, keep_columns: bool = False) -> Iterator[Line]:
    """Its edits with their numbers, bad ones too; paths of pictures are relative to the working directory.

    ``keep_columns``: as of ``read_manifest``, if that was not told so.
    """
    folder = Path(manifest._path).parent  # noqa: SLF001 - of this module
    with manifest._opened(keep=keep_columns) as source:  # noqa: SLF001 - the same
        for line in source:
            problem = in_python(line.problem) if line.problem else None
            yield _placed(line._replace(problem=problem), folder)
        manifest.notes = [in_python(note) for note in source.notes]


def _placed(line: Line, folder: Path) -> Line:
    given = line.fields.get("init_image")
    if folder == Path() or not isinstance(given, str) or not _is_path(given):
        return line
    return line._replace(fields=line.fields | {"init_image": str(folder / given.strip())}, shown=given)


def read_manifest(
    path: str | PathLike[str], *, column: Mapping[str, str] | None = None, keep_columns: bool = False
) -> Manifest:
    """Read a manifest: JSONL, a JSON array, or a table (CSV and its kin, Parquet, Arrow), as ``retouch enqueue`` does.

    ``column``: fields whose columns or keys have other names, such as ``{"prompt": "caption"}``. ``keep_columns``:
    what is no field of an edit is kept as its ``metadata``; else it is refused. Pictures that are paths are relative to
    the manifest. Raises InputError if the file cannot be read or is none; while it is iterated over, at what is wrong.
    """
    try:
        columns = Columns.parse((f"{ours}={theirs}" for ours, theirs in (column or {}).items()), keep=keep_columns)
    except InputError as error:
        raise InputError(in_python(str(error))) from None
    return Manifest(fspath(path), columns)


def in_python(said: str) -> str:
    """A sentence of the command line, with the arguments of ``read_manifest`` for its options."""
    said = _COLUMNS.sub(lambda match: f"column={_pairs(match[0])}", said)
    return said.replace("--keep-columns", "keep_columns=True").replace("--column", "column")


def _pairs(options: str) -> dict[str, str]:
    """What options such as ``--column prompt=text --column 'init_image=file name'`` say."""
    return dict(pair.strip("'").split("=", 1) for pair in re.findall(_COLUMN, options))


def _is_path(given: str) -> bool:
    try:
        return image_address.kind_of(image_address.clean(given)) is ImageKind.PATH
    except ValueError:
        return False
