"""The stand-in's clock and notebook: when each edit is ready, and what became of it."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable

from scripts.benchmark.service import Desk, Service, ideal_makespan_s

_SEED = re.compile(rb'"seed": *(\d+)')
_NUMBER = re.compile(rb"(\d+)/0\.png$")  # an image's key ends with the edit's number, which is its seed


class Timekeeper:
    """Without a service every edit is ready at once, and nothing is noted. Seconds on ``clock``."""

    def __init__(self, service: Service | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._service = service
        self._places = service.places if service else 1
        self._desk = Desk(self._places)
        self._held = False
        self._ready_at: dict[int, float] = {}  # by the provider's id
        self._began_at: float | None = None
        self._times = service.times() if service else None
        self._service_s: list[float] = []
        self._result_at: dict[int, float] = {}  # by the edit's seed
        self._image_at: dict[int, float] = {}

    def hold(self) -> None:
        """Edits that come from now on are never ready."""
        self._held = True

    def posted(self, provider_id: int, body: bytes) -> None:
        """An edit has come; its service time begins when a place is free."""
        if self._held:
            self._ready_at[provider_id] = math.inf
        elif self._times:
            self._begin(provider_id, next(self._times), body)

    def _begin(self, provider_id: int, service_s: float, body: bytes) -> None:
        now = self._clock()
        if self._began_at is None:
            self._began_at = now
        self._service_s.append(service_s)
        ready_at = self._ready_at[provider_id] = self._desk.take(now, service_s)
        if seed := _SEED.search(body):
            self._result_at[int(seed[1])] = ready_at

    def ready(self, provider_id: int) -> bool:
        """Whether the edit's result is there."""
        return self._ready_at.get(provider_id, -math.inf) <= self._clock()

    def stored(self, path: bytes) -> None:
        """An image has come into S3; the first time counts."""
        if self._service and (number := _NUMBER.search(path)):
            self._image_at.setdefault(int(number[1]), self._clock())

    def to_json(self) -> dict[str, object]:
        """In seconds: from the first POST to the last image; the ideal for the same service times; each edit's lag."""
        last = max(self._image_at.values(), default=self._began_at)
        return {
            "makespan_s": last - self._began_at if last is not None and self._began_at is not None else 0.0,
            "ideal_s": ideal_makespan_s(self._service_s, self._places),
            "lags_s": [self._image_at[seed] - at for seed, at in self._result_at.items() if seed in self._image_at],
        }
