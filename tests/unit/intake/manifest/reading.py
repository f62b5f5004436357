"""A manifest of these bytes, read as the command line reads it."""

from __future__ import annotations

import io
from typing import NamedTuple

from retouch.errors import InputError
from retouch.intake.admission import Intake
from retouch.intake.checked import check
from retouch.intake.manifest import Columns
from retouch.intake.manifest.opening import recognised
from retouch.intake.source import Line
from retouch.intake.uploads import Inputs
from retouch.net.addresses import PrivateHosts

ROW = "a cat,https://example.com/cat.png"


class Read(NamedTuple):
    """The lines, and what is said about how they were read."""

    lines: list[Line]
    notes: list[str]


def read(data: bytes | str, name: str = "m.jsonl", columns: Columns | None = None) -> Read:
    """All lines; raises InputError as the source does."""
    raw = data.encode() if isinstance(data, str) else data
    source = recognised(io.BufferedReader(io.BytesIO(raw)), name, columns or Columns())
    lines = list(source)
    return Read(lines, source.notes)


def outcome(data: bytes | str, name: str = "m.csv", columns: Columns | None = None) -> list[str]:
    """What a dry run says is wrong: empty if all lines are taken."""
    raw = data.encode() if isinstance(data, str) else data
    try:
        source = recognised(io.BufferedReader(io.BytesIO(raw)), name, columns or Columns())
        with Inputs("bucket") as inputs:
            checked = check(source, "m", Intake({}, PrivateHosts(), inputs))
    except InputError as error:
        return [str(error)]
    return [f"line {line}: {'; '.join(errors)}" for line, _, errors in checked.rejected]
