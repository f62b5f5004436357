"""All that depends on the device: waiting for it, its memory, its compiler, and how busy it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import torch

from scripts.benchmark.engine import smi


@dataclass(frozen=True, slots=True)
class Device:
    """A device by torch's name, such as ``cuda`` or ``cpu``."""

    name: str

    @property
    def is_gpu(self) -> bool:
        """Whether figures of it say something about a GPU."""
        return not self.name.startswith("cpu")

    @property
    def _is_cuda(self) -> bool:
        return self.name.startswith("cuda")

    def prepare(self) -> None:
        """On a CPU one thread: several wait for each other where anything else runs."""
        if not self.is_gpu:
            torch.set_num_threads(1)

    def describe(self) -> str:
        """Its name for people."""
        if not self._is_cuda:
            return f"{self.name}, one thread" if not self.is_gpu else self.name
        return f"{torch.cuda.get_device_name(self.name)}, CUDA {torch.version.cuda}"

    def dtypes(self) -> tuple[str, ...]:
        """The types of numbers in which images are compared beside other mates."""
        return ("float16", "bfloat16") if self.is_gpu else ("float32", "bfloat16")

    def wait(self) -> None:
        """Wait until all that was asked of it is done; a CPU is never asked ahead."""
        if self._is_cuda:
            torch.cuda.synchronize(self.name)
        elif self.is_gpu:
            torch.mps.synchronize()

    def now_s(self, pid: int | None = None) -> float:
        """Seconds: on a CPU of a process's own work (None: this one's), so that what else runs hardly counts."""
        if self.is_gpu:
            return time.perf_counter()
        if pid is None:
            return time.process_time()  # finer than the ticks of the kernel
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)

    def forget_peak(self) -> None:
        """Let ``peak_gib`` begin anew."""
        if self._is_cuda:
            torch.cuda.reset_peak_memory_stats(self.name)

    def peak_gib(self) -> float | None:
        """Most memory since ``forget_peak``, the model included; None where it is not told."""
        return torch.cuda.max_memory_allocated(self.name) / 2**30 if self._is_cuda else None

    def compiled(self, module: Any) -> Any:
        """The module compiled; where that is of no use, only traced, so that the way is gone all the same."""
        torch.compiler.reset()
        how = {"mode": "reduce-overhead"} if self._is_cuda else {"backend": "eager"}
        return torch.compile(module, fullgraph=True, dynamic=False, **how)

    @contextmanager
    def watched(self) -> Iterator[smi.Watch]:
        """Watch how busy it is."""
        if not self._is_cuda:
            yield smi.Watch()
            return
        with smi.watching(smi.command(f"GPU-{torch.cuda.get_device_properties(self.name).uuid}")) as watch:
            yield watch
