"""Environments of their own for what is measured beside Retouch, and for the plots: ``.retouch/bench/NAME``.

Each is made when it is first needed, from a file of pinned versions and hashes. Where packages come from is pip's own
configuration's business.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from retouch.errors import ServiceError
from workers.stack.child import ROOT

FOLDER = ROOT / ".retouch" / "bench"
INSTALL_S = 900.0  # at most
NOT_HERE = "not installable here"
_PIP = ["-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--no-deps", "--no-compile"]
_PIP_THIS = [*_PIP, "--no-build-isolation", "--no-index"]
_PIP += ["--retries", "1", "--timeout", "20"]  # seconds: where there is no network, one should not wait for it long
# Wheels only: nothing is built, no foreign code runs. No look at dependencies: the pins are complete.
_PIP += ["--require-hashes", "--only-binary", ":all:"]


class NotInstallableError(ServiceError):
    """An environment cannot be made on this machine; the message ends with what pip said last."""


def interpreter(requirements: Path, folder: Path = FOLDER, *, with_retouch: bool = False) -> Path:
    """The Python of the environment for a file of pins, made if it is not there; raises NotInstallableError.

    ``with_retouch``: this checkout is installed there too; the pins hold what a producer needs, and setuptools.
    If the process dies in the middle, the next call begins afresh.
    """
    venv = folder / requirements.stem
    python, stamp = venv / "bin" / "python", venv / "installed"
    wanted = _digest(requirements)
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    shutil.rmtree(venv, ignore_errors=True)
    print(f"making {venv} …", file=sys.stderr, flush=True)
    _run(requirements.stem, [sys.executable, "-I", "-m", "venv", str(venv)])
    _run(requirements.stem, [str(python), *_PIP, "-r", str(requirements)])
    if with_retouch:
        _run(requirements.stem, [str(python), *_PIP_THIS, "-e", str(ROOT)])
    stamp.write_text(wanted)
    return python


def _digest(requirements: Path) -> str:
    """Of what would make a difference: the pins, and the interpreter."""
    return hashlib.sha256(requirements.read_bytes() + sys.version.encode() + sys.prefix.encode()).hexdigest()


def _run(name: str, command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S)
    except subprocess.TimeoutExpired:
        raise NotInstallableError(f"{name}: took more than {INSTALL_S:g} s") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing was said").splitlines()[-1]
        raise NotInstallableError(f"{name}: {said}")
