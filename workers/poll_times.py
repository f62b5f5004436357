"""When edits are polled: by what is known of their kind of work, and by plain backoff while nothing is."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

from config.settings import Settings
from retouch.ledger import LEARNED_KINDS, Reader
from retouch.provider.backoff import poll_delay_s
from retouch.provider.polling import Plan, learn, next_poll_s, phase_of, plan
from retouch.provider.polling.histogram import Histogram
from retouch.provider.polling.learning import MEMORY
from workers.ledger_calls import LedgerCalls

FRESH_S = 3.0  # a plan takes some ten milliseconds to make, and hundreds of edits use it meanwhile


@dataclass(slots=True)
class _Known:
    histogram: Histogram = field(default_factory=dict)
    plan: Plan | None = None
    until: float = 0.0  # monotonic
    lessons_left: float = MEMORY  # until it is looked up anew: more would push each other out before they are used


class PollTimes:
    """Places polls, and turns what they see into lessons. Not thread-safe: used on the event loop only."""

    def __init__(self, settings: Settings, ledger: Reader, call: LedgerCalls) -> None:
        self._settings = settings
        self._ledger = ledger
        self._call = call
        self._known: dict[str, _Known] = {}
        self._refreshing: set[asyncio.Task[None]] = set()

    def next_poll_s(self, kind: str, name: str, age_s: float, polls: int, left_s: float) -> float:
        """Seconds until an edit of that kind and age is asked about (again), never beyond what is ``left_s`` of it."""
        plan_ = self._of(kind).plan
        delay_s = next_poll_s(plan_, age_s, phase_of(name)) if plan_ else poll_delay_s(polls, random.random())
        return self._within(delay_s, left_s)

    def backoff_s(self, polls: int, left_s: float) -> float:
        """Seconds until an edit is asked about again whose links were not there, whatever its kind."""
        return self._within(poll_delay_s(polls, random.random()), left_s)

    def _within(self, delay_s: float, left_s: float) -> float:
        """A poll's delay within the settings' bounds and, while the deadline is ahead, not beyond it."""
        settings = self._settings
        bounded_s = min(max(delay_s, settings.poll_min), settings.poll_max)
        return min(bounded_s, left_s) if left_s > 0 else bounded_s

    def lesson(self, kind: str, seen_ms: float, came_ms: float) -> dict[str, Any] | None:
        """What a result teaches that was not there at age ``seen_ms`` and was at ``came_ms``.

        None where it would teach nothing: without a kind, or after a flood of lessons.
        """
        if not kind:
            return None
        known = self._of(kind)
        if known.lessons_left < 1:
            return None
        known.lessons_left -= 1
        lesson = learn(known.histogram, seen_ms, came_ms, running=self._settings.places)
        increments = {str(field): round(value, 6) for field, value in lesson.increments.items()}
        return {"kind": kind, "keep": lesson.keep, "increments": increments}

    def _of(self, kind: str) -> _Known:
        """What is known; what is old is still good while it is looked up anew."""
        known = self._known.get(kind)
        if known is None:
            if len(self._known) >= LEARNED_KINDS:
                self._known.pop(next(iter(self._known)))
            known = self._known[kind] = _Known()
        now = time.monotonic()
        if kind and now > known.until:
            known.until, known.lessons_left = now + FRESH_S, MEMORY
            task = asyncio.create_task(self._refresh(kind, known))
            self._refreshing.add(task)
            task.add_done_callback(self._refreshing.discard)
        return known

    async def _refresh(self, kind: str, known: _Known) -> None:
        settings = self._settings
        known.histogram = await self._call(self._ledger.learned, kind)
        bounds = settings.poll_lag, settings.poll_min, settings.poll_max
        known.plan = await asyncio.to_thread(plan, known.histogram, *bounds)
