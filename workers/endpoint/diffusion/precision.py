"""Numbers that a half precision cannot hold are computed once more in float32, where they arise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from workers.endpoint.diffusion.model import to
from workers.endpoint.engine import RenderError


class Precision:
    """The type of numbers that a model works with, and what to do where it is too small."""

    def __init__(self, device: str, dtype: Any) -> None:
        self.device = device
        self.dtype = dtype

    def finite(self, module: Any, compute: Callable[[Any], Any]) -> Any:
        """Return what ``compute(dtype)`` gives by ``module``; raises RenderError ``nan`` if float32 does not help."""
        result = compute(self.dtype)
        if is_finite(result):
            return result
        with self.in_float32(module):
            result = compute(torch.float32)
        if not is_finite(result):
            raise RenderError("nan")
        return result

    @contextmanager
    def in_float32(self, module: Any) -> Iterator[None]:
        """Let the module compute in float32; raises RenderError ``nan`` if that is what it does already."""
        if self.dtype == torch.float32:
            raise RenderError("nan")
        try:  # memory may run out half way
            to(module, self.device, torch.float32)
            yield
        finally:
            to(module, self.device, self.dtype)


def is_finite(numbers: Any) -> bool:
    """Whether all of them are."""
    return bool(torch.isfinite(numbers).all())
