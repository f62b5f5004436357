"""Files that commands write: whole, or not there at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retouch.cli.terminal import say
from retouch.errors import InputError
from retouch.media.downloads import beside


@contextmanager
def replacing(path: Path, *, told: bool = True) -> Iterator[Path]:
    """A file beside ``path``, which takes its name at the end, and says so; InputError if it cannot be written.

    Not ``told``, nothing is said.
    A pipe or a device (/dev/stdout, /dev/null) is written as it is, and a link stays one.
    """
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            yield path
            return
        target = path.resolve()
        part = beside(target)
        try:
            yield part
            there = target.exists()
            os.replace(part, target)
            if told:
                say(f"{'replaced' if there else 'saved'}: {path}")
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"-o {path} cannot be written: {error.strerror or error}") from None
