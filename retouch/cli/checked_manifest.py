"""A manifest, checked as far as possible without any service."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from retouch.cli.estimate import Estimate
from retouch.errors import InputError
from retouch.intake.admission import Intake, InvalidEditError, Rejection, custom_id_of
from retouch.intake.manifest import Manifest
from retouch.intake.writing import CONFLICT
from retouch.ledger import Entry

STEM = 55  # characters of a manifest's name in a batch id
STDIN = "-"


@dataclass(slots=True)
class CheckedManifest:
    """The valid edits of a manifest as entries, the invalid ones with their errors, both with their line numbers."""

    stem: str
    defaults: dict[str, Any]
    entries: list[tuple[int, Entry]] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    estimate: Estimate = field(default_factory=Estimate)

    def acceptable(self, skip_invalid: bool) -> bool:
        """Tell whether it may be enqueued: some edits are valid, and all are or the others may be skipped."""
        return bool(self.entries) and (skip_invalid or not self.rejected)

    def batch_id(self) -> str:
        """An id made of the manifest's name and its edits, so that the same manifest again is the same batch."""
        content = hashlib.sha256()
        for _, entry in self.entries:
            content.update(f"{entry.custom_id} {entry.digest}\n".encode())
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", self.stem).lstrip("._-")[:STEM]
        return f"{stem or 'batch'}-{content.hexdigest()[:8]}"

    def reject_conflicts(self, custom_ids: Collection[str]) -> None:
        """Reject the edits that are in the batch already with other parameters."""
        if not custom_ids:
            return
        clash = [Rejection(line, e.custom_id, [CONFLICT]) for line, e in self.entries if e.custom_id in custom_ids]
        self.rejected = sorted(self.rejected + clash)
        self.entries = [(line, e) for line, e in self.entries if e.custom_id not in custom_ids]


def check_manifest(path: str, intake: Intake) -> CheckedManifest:
    """Read a whole manifest (``-``: stdin) and check each line.

    Raises InputError if it cannot be read, or is not a manifest.
    """
    name = "stdin" if path == STDIN else path
    checked = CheckedManifest("stdin" if path == STDIN else Path(path).stem, intake.defaults)
    seen: dict[str, int] = {}
    with _opened(path) as stream:
        reader = Manifest(stream, name, csv_by_name=path.lower().endswith(".csv"), sniff=path == STDIN)
        for number, fields, problem in reader:
            custom_id = custom_id_of(fields)
            if problem:
                checked.rejected.append(Rejection(number, custom_id, [problem]))
                continue
            errors = []
            if custom_id is not None and (first := seen.setdefault(custom_id, number)) != number:
                errors.append(
                    f"custom_id {custom_id!r} is already used on line {first}; each must be unique in the batch"
                )
            try:
                edit = intake.admit(fields, strict=not reader.is_csv)
            except InvalidEditError as error:
                errors += error.errors
            if errors:
                checked.rejected.append(Rejection(number, custom_id, errors))
                continue
            checked.entries.append((number, intake.entry(edit)))
            checked.estimate.add(edit)
    return checked


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
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
