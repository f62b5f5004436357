"""Batching by steps: one call of the model serves all images in flight of one size, and between steps they come and go.

Nothing here knows the model's library. An image is first in a size's queue, then in flight there until its steps are
done. A call takes images of one size only: the next call is for the size that has had the least of the device's time.
Within a size the order is first come, first served.

A result may depend in its last bits on the *number* of rows in a call, and never on what the other rows hold. So
``exact`` keeps that number constant: short calls are padded, and where a number proves too large for the memory, the
images in flight begin again with the smaller one.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from workers.endpoint.engine import EngineError, EngineFullError, EngineStoppedError, RenderError

logger = logging.getLogger(__name__)

Size = tuple[int, int]  # width and height in pixels


def first_line(error: BaseException) -> str:
    """What an error says, in one line: libraries add advice that is nobody's here."""
    return " ".join(str(error).strip().partition("\n")[0].split()) or type(error).__name__


def reason_of(error: BaseException) -> str:
    """Why a model broke, in one line."""
    line = first_line(error)
    return line if line == type(error).__name__ else f"{type(error).__name__}: {line}"


class OutOfMemoryError(RenderError):
    """The device has too little memory for a call; the next may be smaller."""


class State(Protocol):
    """How far one image is."""

    @property
    def step(self) -> int:
        """How many steps are done."""

    @property
    def steps(self) -> int:
        """How many there are; 0: nothing but the end is to be done."""


W = TypeVar("W")  # what is to be made
S = TypeVar("S", bound=State)
P = TypeVar("P")  # what the model says to one image in one step
R = TypeVar("R")  # what was made
W_contra = TypeVar("W_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class Model(Protocol[W_contra, S, P, R_co]):
    """What makes the images. All calls come from one thread.

    Raises OutOfMemoryError where there is too little memory, and RenderError (from all but ``predict``) where this
    image alone cannot be made; anything else means that the model is broken.
    """

    def begin(self, work: W_contra) -> S:
        """Do what comes before the first step. The same work can be begun again."""

    def predict(self, states: Sequence[S], rows: int) -> Sequence[P]:
        """Make one call of exactly ``rows`` rows, padded, and return what is each image's; no state changes."""

    def advance(self, state: S, prediction: P) -> None:
        """Take the image one step on."""

    def finish(self, state: S) -> R_co:
        """Do what comes after the last step."""


def _unheard(_step: int, _steps: int) -> None:
    pass


@dataclass(eq=False)
class Ticket(Generic[W, R]):
    """One image that is wanted. Both functions are called in the model's thread and must not raise."""

    work: W
    size: Size
    rows: int  # of a call: 2 with guidance, else 1
    ended: Callable[[R | Exception], None]  # called once, but not after a cancel
    stepped: Callable[[int, int], None] = _unheard  # step, steps
    cancelled: bool = field(default=False, init=False)


@dataclass(eq=False)
class _Lane(Generic[W, S, R]):
    """The images of one size."""

    waiting: deque[Ticket[W, R]] = field(default_factory=deque)
    beginning: list[Ticket[W, R]] = field(default_factory=list)  # the one, if any, whose first work is being done
    flight: dict[Ticket[W, R], S] = field(default_factory=dict)  # in the order in which they began
    spent_s: float = 0.0  # of the device's time; a new size begins with as much as that which has had the least

    def begun(self) -> list[Ticket[W, R]]:
        """All that the model has had to do with."""
        return [*self.flight, *self.beginning]


class Batches(Generic[W, S, P, R]):
    """All images that are wanted of one model. ``add`` and ``cancel`` may be called from any thread."""

    def __init__(
        self,
        model: Model[W, S, P, R],
        *,
        max_rows: int,
        max_waiting: int,
        exact: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """With ``exact`` and ``max_rows`` 1, each call serves one image and is not padded.

        ``max_waiting`` is the number of images that may wait for their first step.
        """
        self._model = model
        self._max_rows = max_rows
        self._max_waiting = max_waiting
        self._exact = exact
        self._clock = clock
        self._changed = threading.Condition()  # guards all below but the flights, which are the model's thread's alone
        self._lanes: OrderedDict[Size, _Lane[W, S, R]] = OrderedDict()  # whose last turn is longest ago comes first
        self._limits: dict[Size, int] = {}  # rows, where memory sets them. Never raised: it would run out again
        self._end = ""  # why no more is taken
        self._busy_s = 0.0
        self._made = 0

    def add(self, tickets: Sequence[Ticket[W, R]]) -> None:
        """Take these images, all of them or none.

        Raises EngineFullError when others wait and these would be too many, and EngineStoppedError after the end.
        """
        with self._changed:
            if self._end:
                raise EngineStoppedError(self._end)
            waiting = sum(len(lane.waiting) for lane in self._lanes.values())
            if waiting and waiting + len(tickets) > self._max_waiting:
                raise EngineFullError(self._seconds_for(len(tickets)))
            for ticket in tickets:
                self._lane(ticket.size).waiting.append(ticket)
            self._changed.notify()

    def _lane(self, size: Size) -> _Lane[W, S, R]:
        if size not in self._lanes:
            least = min((lane.spent_s for lane in self._lanes.values()), default=0.0)
            self._lanes[size] = _Lane(spent_s=least)
        return self._lanes[size]

    def _seconds_for(self, images: int) -> int:
        return max(1, math.ceil(images * self._busy_s / self._made)) if self._made else 1

    def cancel(self, tickets: Iterable[Ticket[W, R]]) -> None:
        """Drop these images: at once where they wait, else after the step that is being made."""
        with self._changed:
            for ticket in tickets:
                ticket.cancelled = True
                lane = self._lanes.get(ticket.size)
                if lane is not None and ticket in lane.waiting:
                    lane.waiting.remove(ticket)

    def run(self) -> None:
        """Work until ``close``. Where the model breaks, its own error is raised.

        Images that it had begun end with EngineError then: one of them may have broken it. All others end with
        EngineStoppedError.
        """
        broke: EngineError | None = None
        try:
            while self._wait():
                self.turn()
        except BaseException as error:
            broke = EngineError(reason_of(error))
            self.close(str(broke))
            raise
        finally:
            self._end_all(broke)

    def close(self, reason: str = "the engine was stopped") -> None:
        """Take no more images, and let ``run`` end after the step that is being made."""
        with self._changed:
            self._end = self._end or reason
            self._changed.notify()

    def _wait(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._lanes or self._end)
            return not self._end

    def _end_all(self, broke: EngineError | None) -> None:
        stopped = EngineStoppedError(self._end)
        with self._changed:
            lanes = list(self._lanes.values())
            self._lanes.clear()
        for lane in lanes:
            for ticket in lane.begun():
                self._tell(ticket, broke or stopped)
            for ticket in lane.waiting:
                self._tell(ticket, stopped)

    def turn(self) -> bool:
        """Make one call for the size whose turn it is; False: there is nothing to do."""
        began = self._clock()
        with self._changed:
            if not self._lanes:
                return False
            size, lane = min(self._lanes.items(), key=lambda item: item[1].spent_s)  # the first of equals
            self._lanes.move_to_end(size)
        self._join(lane, size)
        if lane.flight:
            self._step(lane, size)
        with self._changed:
            if not lane.flight and not lane.waiting:
                del self._lanes[size]
            took_s = self._clock() - began
            lane.spent_s += took_s
            self._busy_s += took_s
        return True

    def limit(self, size: Size) -> int:
        """How many rows a call of this size has at most, as far as the memory is known."""
        return self._limits.get(size, self._max_rows)

    def _join(self, lane: _Lane[W, S, R], size: Size) -> None:
        """Begin those that fit into the call; of those that end without a step, no more than that either."""
        for ticket in [ticket for ticket in lane.flight if ticket.cancelled]:
            del lane.flight[ticket]
        limit = self.limit(size)
        for _ in range(limit):
            if not self._take_next(lane, limit):
                return
            [ticket] = lane.beginning
            try:
                lane.flight[ticket] = self._model.begin(ticket.work)
                self._end_if_done(lane, ticket)
            except OutOfMemoryError as error:
                lane.beginning.clear()
                self._begin_again(lane, ticket, error)
                return
            except RenderError as error:
                self._leave(lane, ticket, error)
            lane.beginning.clear()

    def _take_next(self, lane: _Lane[W, S, R], limit: int) -> bool:
        used = sum(ticket.rows for ticket in lane.flight)
        with self._changed:
            fits = bool(lane.waiting) and (not used or used + lane.waiting[0].rows <= limit)
            if fits:
                lane.beginning.append(lane.waiting.popleft())
        return fits

    def _step(self, lane: _Lane[W, S, R], size: Size) -> None:
        taken = self._taken(lane, self.limit(size))
        used = sum(ticket.rows for ticket in taken)
        rows = self._padded(used, self.limit(size))
        try:
            predictions = self._model.predict([lane.flight[ticket] for ticket in taken], rows)
        except OutOfMemoryError as error:
            self._shrink(lane, size, rows, taken, error)
            return
        for ticket, prediction in zip(taken, predictions, strict=True):
            if ticket in lane.flight:  # else memory ran out over another, and all begin again
                self._advance(lane, ticket, prediction)

    @staticmethod
    def _taken(lane: _Lane[W, S, R], limit: int) -> list[Ticket[W, R]]:
        """The longest in flight, as many as fit (after a shrink not all do), and one at least."""
        taken: list[Ticket[W, R]] = []
        used = 0
        for ticket in lane.flight:
            used += ticket.rows
            if taken and used > limit:
                break
            taken.append(ticket)
        return taken

    def _padded(self, used: int, limit: int) -> int:
        wanted = limit if self._exact else min(limit, 1 << (used - 1).bit_length())
        return max(used, wanted)  # one image may need more rows than the limit

    def _shrink(
        self, lane: _Lane[W, S, R], size: Size, rows: int, taken: list[Ticket[W, R]], error: OutOfMemoryError
    ) -> None:
        if len(taken) == 1 and rows <= taken[0].rows:
            self._leave(lane, taken[0], error)
        else:
            self._halve(lane, size, rows)

    def _begin_again(self, lane: _Lane[W, S, R], ticket: Ticket[W, R], error: OutOfMemoryError) -> None:
        """Memory ran out before the first step of this image or after its last; it may do beside fewer others."""
        lane.flight.pop(ticket, None)
        rows = self.limit(ticket.size)
        if rows <= ticket.rows:
            self._leave(lane, ticket, error)
            return
        with self._changed:
            lane.waiting.appendleft(ticket)
        self._halve(lane, ticket.size, rows)

    def _halve(self, lane: _Lane[W, S, R], size: Size, rows: int) -> None:
        self._limits[size] = rows // 2
        logger.warning("too little memory for %d rows of %d x %d: from now on %d", rows, *size, rows // 2)
        if self._exact:
            with self._changed:
                lane.waiting.extendleft(reversed(lane.flight))
            lane.flight.clear()

    def _advance(self, lane: _Lane[W, S, R], ticket: Ticket[W, R], prediction: P) -> None:
        if ticket.cancelled:
            del lane.flight[ticket]
            return
        state = lane.flight[ticket]
        try:
            self._model.advance(state, prediction)
            ticket.stepped(state.step, state.steps)
            self._end_if_done(lane, ticket)
        except OutOfMemoryError as error:
            self._begin_again(lane, ticket, error)
        except RenderError as error:
            self._leave(lane, ticket, error)

    def _end_if_done(self, lane: _Lane[W, S, R], ticket: Ticket[W, R]) -> None:
        state = lane.flight[ticket]
        if ticket.cancelled:  # meanwhile
            del lane.flight[ticket]
        elif state.step >= state.steps:
            made = self._model.finish(state)
            self._made += 1
            self._leave(lane, ticket, made)

    def _leave(self, lane: _Lane[W, S, R], ticket: Ticket[W, R], outcome: R | Exception) -> None:
        lane.flight.pop(ticket, None)
        self._tell(ticket, outcome)

    @staticmethod
    def _tell(ticket: Ticket[W, R], outcome: R | Exception) -> None:
        if not ticket.cancelled:
            ticket.ended(outcome)
