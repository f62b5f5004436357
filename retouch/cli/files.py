"""Files that commands write: whole, or not there at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retouch.cli.terminal import say
from retouch.errors import InputError
from retouch.media.downloads import PARTIAL


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside ``path``, which takes its name at the end, and says so; InputError if it cannot be written."""
    part = path.with_name(path.name + PARTIAL)
    try:
        try:
            yield part
            there = path.exists()
            os.replace(part, path)
            say(f"{'replaced' if there else 'saved'}: {path}")
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"-o {path} cannot be written: {error.strerror or error}") from None
