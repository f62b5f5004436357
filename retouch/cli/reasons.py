"""Why a batch does not move: each reason is told when it begins, and when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable

from retouch.advice.batch import (
    Reason,
    reasons_at_the_api,
    reasons_in,
    reasons_outside,
    refused_lately,
    waiting_text,
)
from retouch.advice.workers import full_memory
from retouch.cli.terminal import say
from retouch.errors import ServiceError
from retouch.ledger import BatchView, Provider
from retouch.queue import EditQueue
from retouch.states import EditState

LOOK_EVERY_S = 2.0  # at the workers and the pauses
QUIET_S = 10.0  # without a change and without a reason; then it is said once what is waited for


def memory_hint(queue: EditQueue) -> str:
    """Why no worker seems to be alive, where Redis takes no writes; empty where that is not known, or by a gateway.

    A gateway says it itself, by each request.
    """
    if queue.remote:
        return ""
    try:
        return full_memory(queue.server())
    except ServiceError:  # its user may not ask
        return ""


class Reasons:
    """Tells of the reasons for which a batch does not move, as they come and go; one line a change."""

    def __init__(self, queue: EditQueue, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._clock = clock
        self._next_look = clock()
        self._outside: list[Reason] = []
        self._provider: Provider | None = None
        self._told: dict[str, Reason] = {}
        self._counts: dict[EditState, int] | None = None
        self._moved_at = clock()

    def show(self, view: BatchView) -> None:
        """Look at the batch, and now and then at the workers and the pauses; say what has changed."""
        if self._clock() >= self._next_look:
            self._next_look = self._clock() + LOOK_EVERY_S
            self._outside = self._look()
        reasons = [] if view.finished else [*reasons_in(view), *self._outside]
        if self._provider and not view.finished:
            reasons += reasons_at_the_api(view, self._provider)
        self._tell({reason.name: reason for reason in reasons})
        self._tell_of_quiet(view)

    def _look(self) -> list[Reason]:
        try:
            self._provider = self._queue.provider()
            workers = self._queue.workers()
            full = "" if workers else memory_hint(self._queue)
            told = [Reason("memory", full, "Redis has memory again")] if full else []
            return [*told, *reasons_outside(workers, self._queue.pauses())]
        except ServiceError:  # the wait for the batch says that
            return self._outside

    def _tell(self, reasons: dict[str, Reason]) -> None:
        over = [reason for name, reason in self._told.items() if name not in reasons]
        begun = [reason for name, reason in reasons.items() if name not in self._told]
        for line in filter(None, [*(reason.ends for reason in over), *(reason.begins for reason in begun)]):
            say(line)
        self._told = reasons

    def _tell_of_quiet(self, view: BatchView) -> None:
        now = self._clock()
        if view.counts != self._counts or self._told or view.finished:
            self._counts, self._moved_at = view.counts, now
        elif now - self._moved_at >= QUIET_S:
            say(f"no change for {QUIET_S:.0f} s; {waiting_text(view)}{self._refused()}")
            self._moved_at = float("inf")

    def _refused(self) -> str:
        """What the API has refused lately: edits that wait for it may wait for what it does not have any more."""
        try:
            return refused_lately(self._queue.provider())
        except ServiceError:  # the wait for the batch says that
            return ""
