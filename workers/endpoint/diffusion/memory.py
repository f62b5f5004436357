"""How much memory there is for a model."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import torch

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def free_bytes(device: str) -> int | None:
    """What a program can still take on this device; None: not known, as on systems other than Linux."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    if device == "cpu":
        return min((free for free in (_of_machine(), _of_container()) if free is not None), default=None)
    return None


def _of_machine() -> int | None:
    with suppress(OSError):
        if found := re.search(r"^MemAvailable: +(\d+) kB$", MEMINFO.read_text(), re.MULTILINE):
            return int(found[1]) << 10
    return None


def _of_container() -> int | None:
    """What its limit leaves; files that are kept in memory are counted, and given up when it is needed."""
    with suppress(OSError, ValueError):  # no limit reads "max"
        limit = int((CGROUP / "memory.max").read_text())
        used = int((CGROUP / "memory.current").read_text())
        files = re.search(r"^inactive_file (\d+)$", (CGROUP / "memory.stat").read_text(), re.MULTILINE)
        return max(0, limit - used + int(files[1] if files else 0))
    return None
