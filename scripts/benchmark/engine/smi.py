"""How much of the time an NVIDIA GPU is at work, as ``nvidia-smi`` tells it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

EVERY_MS = 100


class Watch:
    """What is told of one stretch: in per cent, how much of the last moment at least one kernel ran."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @property
    def busy(self) -> float | None:
        """The mean share, 0..1; None if nothing was told, as of a part of a GPU."""
        samples = [int(line) for line in self.told if line.strip().isdecimal()]
        return sum(samples) / len(samples) / 100 if samples else None


@contextmanager
def watching(command: Sequence[str]) -> Iterator[Watch]:
    """Watch what the command prints, a number a line, until the end of the block; without the command nothing."""
    watch = Watch()
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        yield watch
        return
    with process:
        reader = threading.Thread(target=watch.told.extend, args=(process.stdout,), daemon=True)
        reader.start()
        try:
            yield watch
        finally:
            process.terminate()
            reader.join()


def command(uuid: str) -> list[str]:
    """The command that tells of the GPU with this id."""
    query = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    return ["nvidia-smi", f"--id={uuid}", *query, f"--loop-ms={EVERY_MS}"]
