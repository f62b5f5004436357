"""A copy of the tracked files in which the fast tests run, so that no bug is ever planted in the work tree."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

FAST = ("tests/unit", "tests/contract")
# Its own tests compare the mutations with the code, so that each planted bug would fail them.
LEFT_OUT = ("--ignore=tests/unit/scripts/test_mutations.py", "-m", "not slow")
FIRST_LIMIT_S, WHOLE_LIMIT_S = 180, 900  # of the tests named by a mutation, and of all fast tests


class BrokenRunError(Exception):
    """The tests were not run, so that nothing is known."""


class Checkout:
    """A copy of a source tree at ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def of_tracked_files(cls, source: Path, root: Path) -> Checkout:
        """Copy what git tracks in ``source``, as it lies there now, to ``root``."""
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=source, capture_output=True, text=True, check=True)
        for name in filter(None, listed.stdout.split("\0")):
            if (source / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source / name, root / name)
        return cls(root)

    def copy(self, root: Path) -> Checkout:
        """Copy it with its compiled files, which saves seconds a run."""
        shutil.copytree(self.root, root)
        return Checkout(root)

    def found_by(self, tests: Sequence[str], limit_s: float, processes: int = 1) -> str | None:
        """Run tests until one fails; return its name, None if all pass; raises BrokenRunError."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider", *LEFT_OUT]
        command += ["-n", str(processes), "--dist", "loadfile"] if processes > 1 else []
        code, out = _run([*command, *tests], self.root, limit_s)
        if code is None:
            return f"no end within {limit_s:g} s"
        if code not in (0, 1):
            raise BrokenRunError(f"pytest exited {code}: {out[-1500:]}")
        return None if code == 0 else _first_failure(out)


def _first_failure(out: str) -> str:
    failed = re.search(r"^(?:FAILED|ERROR) (\S+?::[^\s\[]+)", out, re.MULTILINE)
    if not failed:
        raise BrokenRunError(f"pytest names no failed test: {out[-1500:]}")
    return failed[1]


def _run(command: Sequence[str], root: Path, limit_s: float) -> tuple[int | None, str]:
    """Run a command, and all it starts, over the packages in ``root``; the exit code is None at the limit."""
    with subprocess.Popen(
        command,
        cwd=root,
        env=_environment(root),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            out, _ = process.communicate()
            return None, out
        return process.returncode, out


def _environment(root: Path) -> Mapping[str, str]:
    # .venv holds an editable installation of the work tree; what is on this path comes before it, in subprocesses too.
    return os.environ | {"PYTHONPATH": str(root)}
