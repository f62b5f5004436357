"""Workers that are alive as long as a test is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from retouch.ledger import figures, producer, reader, worker

HOUR_MS = 3_600_000


@contextmanager
def workers_stay() -> Iterator[None]:
    """Whoever is seen once does not count as dead on a machine that stands still for some seconds."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (figures, producer, reader, worker):
            patch.setattr(module, "WORKER_SEEN_MS", HOUR_MS)
        yield
