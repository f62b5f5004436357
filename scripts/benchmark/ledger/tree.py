"""The files of another revision, beside the work tree."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retouch.errors import InputError
from workers.stack.child import ROOT


@contextmanager
def tree_of(revision: str, folder: Path) -> Iterator[Path]:
    """A folder with all files of a revision, for as long as the block lasts; raises InputError if there is none."""
    tree = folder / "before"
    made = _git("worktree", "add", "--detach", str(tree), revision)
    if made.returncode:
        raise InputError(f"git has no files of {revision!r}: {made.stderr.strip().splitlines()[-1]}")
    try:
        yield tree
    finally:
        _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
