"""A folder in memory, where a machine has room: no server is held up there by another program's use of the disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_MEMORY = Path("/dev/shm")
_ROOM = 2**30  # a container may have 64 MB, which is less than what tests write


@contextmanager
def quick_folder(otherwise: Path) -> Iterator[Path]:
    """A new folder in memory, removed in the end; ``otherwise`` where there is no room for one."""
    if not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _ROOM:
        yield otherwise
        return
    with TemporaryDirectory(prefix="retouch-", dir=_MEMORY) as folder:
        yield Path(folder)
