"""Why a batch does not move: each reason is told when it begins, and when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from retouch.cli.pauses import batch_pause_line, pause_line, what_waits
from retouch.cli.terminal import held_hint, say, unsealed_hint, workers_hint
from retouch.errors import ServiceError
from retouch.ledger import BatchView, Pause, Provider
from retouch.queue import EditQueue
from retouch.states import EditState

LOOK_EVERY_S = 2.0  # at the workers and the pauses
LATELY = timedelta(minutes=5)
QUIET_S = 10.0  # without a change and without a reason; then it is said once what is waited for

AT_THE_API = (EditState.SUBMITTING, EditState.WAITING)


class Reason(NamedTuple):
    """What holds a batch up. ``ends`` is said when it is over; empty: nothing."""

    name: str
    begins: str
    ends: str = ""


class Reasons:
    """Tells of the reasons for which a batch does not move, as they come and go; one line a change."""

    def __init__(self, queue: EditQueue, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._clock = clock
        self._next_look = clock()
        self._outside: list[Reason] = []
        self._told: dict[str, Reason] = {}
        self._counts: dict[EditState, int] | None = None
        self._moved_at = clock()

    def show(self, view: BatchView) -> None:
        """Look at the batch, and now and then at the workers and the pauses; say what has changed."""
        if self._clock() >= self._next_look:
            self._next_look = self._clock() + LOOK_EVERY_S
            self._outside = self._look()
        reasons = [] if view.finished else [*_of_batch(view), *self._outside]
        self._tell({reason.name: reason for reason in reasons})
        self._tell_of_quiet(view)

    def _look(self) -> list[Reason]:
        try:
            return [*_of_workers(self._queue.workers()), *map(_of_pause, self._queue.pauses())]
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


def reasons_of(view: BatchView, workers: list[str], pauses: Iterable[Pause]) -> list[Reason]:
    """What holds a batch up; nothing holds up one that has ended."""
    return [] if view.finished else [*_of_batch(view), *_of_workers(workers), *map(_of_pause, pauses)]


def refused_lately(provider: Provider) -> str:
    """``; the API's last refusal: …`` of the last minutes, else nothing."""
    if not provider.refusal or not provider.refused_at or datetime.now(UTC) - provider.refused_at > LATELY:
        return ""
    return f"; the API's last refusal: {provider.refusal}"


def waiting_text(view: BatchView) -> str:
    """``waiting for 3 edits at the API, 12 queued``: what has to happen before the batch ends."""
    if view.ended == view.total:
        return "waiting for its files to be written"
    at_the_api = sum(view.counts.get(state, 0) for state in AT_THE_API)
    parts = [
        (at_the_api, f"{at_the_api:,} {'edit' if at_the_api == 1 else 'edits'} at the API"),
        *((view.counts.get(state, 0), _count(view, state)) for state in (EditState.COPYING, EditState.QUEUED)),
        (view.counts.get(EditState.HELD, 0), _count(view, EditState.HELD)),
    ]
    return f"waiting for {', '.join(text for count, text in parts if count)}"


def why_open(view: BatchView, workers: Collection[str]) -> str:
    """What a batch that has not ended waits for, and what a person can do about it: a part of a sentence."""
    unsealed, all_ended = unsealed_hint(view), view.ended == view.total
    waiting = "" if all_ended and unsealed else waiting_text(view)
    trouble = view.note if all_ended and view.note else ""
    return "; ".join(filter(None, [waiting, trouble, unsealed, held_hint(view), workers_hint(workers)]))


def _count(view: BatchView, state: EditState) -> str:
    words = {EditState.COPYING: "being copied to S3", EditState.QUEUED: "queued", EditState.HELD: "held"}
    return f"{view.counts.get(state, 0):,} {words[state]}"


def _of_batch(view: BatchView) -> Iterable[Reason]:
    for pause in view.paused:
        yield Reason(
            f"batch:{pause.cause}",
            batch_pause_line(view.batch, pause),
            f"batch {view.batch} is not paused any more ({pause.cause})",
        )
    if view.note and view.ended == view.total:
        yield Reason("files", f"its files are not written yet: {view.note}")
    if view.ended + view.counts.get(EditState.HELD, 0) < view.total:
        return
    if hint := held_hint(view):
        yield Reason("held", hint)
    if hint := unsealed_hint(view):
        yield Reason(hint, hint)


def _of_workers(workers: list[str]) -> Iterable[Reason]:
    if hint := workers_hint(workers):
        yield Reason("workers", hint, "a worker is alive now")


def _of_pause(pause: Pause) -> Reason:
    return Reason(pause.name, pause_line(pause), f"{what_waits(pause)} go on: the pause ({pause.cause}) has ended")
