"""The listener's loop: receive, take, delete; and what it does while Redis, S3 or the queue is away."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Protocol, TypeVar

import structlog

from retouch.errors import InputError, LedgerError, ServiceError
from retouch.signals import Terminated
from retouch.triggers.taking import Taken, Taker, Told
from workers import health
from workers.listener.log import log_taking
from workers.listener.sqs import AT_ONCE, HIDDEN_S, WAIT_S, Message, QueueRefusedError, Redrive

log = structlog.get_logger()
T = TypeVar("T")

GROUP = 200  # messages that are taken together: Redis may need a second for its disk, whatever is written
GROUP_CHARACTERS = 8_000_000  # of their bodies, which anyone may make long who may send to the queue
AGAIN_S, AGAIN_MOST_S = 10, 300  # until a message that could not be taken comes again; twice as long each time
PAUSE_S, PAUSE_MOST_S = 1.0, 20.0  # between two attempts while another system is away


class Source(Protocol):
    """The part of ``workers.listener.sqs.Queue`` that a listener needs."""

    name: str

    def receive(self, wait_s: int) -> list[Message]:
        """Some messages; waits so long for the first."""

    def delete(self, messages: Sequence[Message]) -> int:
        """Remove messages for good; returns how many were not."""

    def hide(self, messages: Sequence[Message], seconds: Callable[[Message], int]) -> int:
        """Let messages come again after so many seconds."""


class Listener:
    """Takes the messages of one queue until SIGTERM or Ctrl-C: what it has in hand is finished then.

    A message is deleted once its edits are on the disk of Redis. ``on_disk``: whether all that was written is, False
    where Redis cannot tell that; then a message is deleted once Redis has taken its edits. While Redis or S3 is away,
    what was received stays hidden and nothing more is received, so that an outage is no try of a message.
    """

    def __init__(self, queue: Source, redrive: Redrive, taker: Taker, on_disk: Callable[[], bool]) -> None:
        self._queue = queue
        self._redrive = redrive
        self._taker = taker
        self._on_disk = on_disk
        self._confirms = True
        self._stopping = self._may_interrupt = False
        self._told = ""  # of what is away

    def run(self) -> None:
        """Listen; returns when it was told to end. Raises QueueRefusedError, and InputError if S3 cannot be used."""
        with self._signals():
            self._confirms = bool(self._patiently(self._ask_whether_it_confirms, ()))
            while not self._stopping:
                health.beat()
                group = self._receive()
                if self._stopping:
                    self._release(group)
                elif group:
                    self._work_on(group)
        health.end()
        log.info("listener.stopped", queue=self._queue.name)

    def _ask_whether_it_confirms(self) -> bool:
        try:
            confirms = self._on_disk()
        except LedgerError as error:
            raise ServiceError(f"Redis cannot be used: {error}") from error
        if not confirms:
            log.warning(
                "listener.unconfirmed",
                consequence="messages are deleted once Redis has their edits in memory",
                remedy="give Redis an append-only file (docs/redis.md)",
            )
        return confirms

    # --- messages --------------------------------------------------------------------------------

    def _receive(self) -> list[Message]:
        """A group of messages; empty if there are none, or none can be had."""
        group: list[Message] = []

        def pages() -> None:
            page = self._queue.receive(WAIT_S)
            while page:
                group.extend(page)
                full = len(group) >= GROUP or sum(len(one.body) for one in group) > GROUP_CHARACTERS
                # A wait asks all of SQS' servers, no wait a few of them: behind a whole page there are more.
                page = [] if full else self._queue.receive(int(len(page) == AT_ONCE))

        self._interruptibly(lambda: self._patiently(pages, group))
        return group

    def _work_on(self, group: list[Message]) -> None:
        taken = self._patiently(lambda: self._take(group), group)
        if taken is None:
            self._release(group)
            return
        pairs = list(zip(group, taken, strict=True))
        self._patiently(lambda: self._delete([message for message, one in pairs if not one.trouble]), group)
        again_in_s = {message.id: self._tell_trouble(message, one) for message, one in pairs if one.trouble}
        again = [message for message in group if message.id in again_in_s]
        self._patiently(lambda: self._queue.hide(again, lambda message: again_in_s[message.id]), ())

    def _take(self, group: Sequence[Message]) -> list[Taken]:
        try:
            taking = self._taker.take(Told(one.body, one.sent_at) for one in group)
        except (ServiceError, InputError):
            raise
        except Exception as error:
            log.exception("listener.crashed", messages=len(group))
            if len(group) == 1:
                return [Taken(troubles=[f"a bug in Retouch: {type(error).__name__}"])]
            return [taken for one in group for taken in self._take([one])]  # the others are not to blame
        if self._confirms:
            taking.check_disk()
        log_taking(taking)
        return taking.messages

    def _delete(self, messages: Sequence[Message]) -> None:
        if left := self._queue.delete(messages):
            log.warning("messages.not_deleted", messages=left, consequence="they come again, and add nothing")

    def _tell_trouble(self, message: Message, taken: Taken) -> int:
        """Log it; returns the seconds until the message is to come again.

        After the last try that is at once: SQS puts it aside when it is asked for the next time.
        """
        tries, reason = message.tries, taken.trouble
        if tries >= self._redrive.tries:
            kept_in = self._redrive.queue
            log.error("message.given_up", message_id=message.id, tries=tries, reason=reason, kept_in=kept_in)
            return 0
        again_in_s = AGAIN_MOST_S if taken.for_a_person else min(AGAIN_MOST_S, AGAIN_S * 2 ** (tries - 1))
        log.warning("message.not_taken", message_id=message.id, tries=tries, reason=reason, retry_in_s=again_in_s)
        return again_in_s

    def _release(self, group: Sequence[Message]) -> None:
        """Let another listener have these at once; if that fails, they come by themselves."""
        with suppress(ServiceError):
            self._queue.hide(group, lambda _message: 0)

    # --- outages ---------------------------------------------------------------------------------

    def _patiently(self, call: Callable[[], T], held: Sequence[Message]) -> T | None:
        """What ``call`` returns, after outages of any length; None if this process is to end meanwhile.

        The messages ``held`` stay hidden.
        """
        pause_s, hidden_at = PAUSE_S, time.monotonic()
        while True:
            try:
                answer = call()
            except QueueRefusedError:
                raise
            except ServiceError as error:
                self._tell_away(str(error), pause_s)
            else:
                self._tell_back()
                return answer
            health.beat()
            self._interruptibly(partial(time.sleep, pause_s))
            if self._stopping:
                return None
            pause_s = min(2 * pause_s, PAUSE_MOST_S)
            if held and time.monotonic() - hidden_at > HIDDEN_S / 3:
                hidden_at = time.monotonic()
                with suppress(ServiceError):
                    self._queue.hide(held, lambda _message: HIDDEN_S)

    def _tell_away(self, reason: str, retry_in_s: float) -> None:
        if reason != self._told:
            log.warning("listener.waiting", reason=reason, retry_in_s=retry_in_s)
        self._told = reason

    def _tell_back(self) -> None:
        if self._told:
            log.info("listener.resumed")
        self._told = ""

    # --- its end ---------------------------------------------------------------------------------

    @contextmanager
    def _signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        if self._may_interrupt:
            raise Terminated(number)

    def _interruptibly(self, call: Callable[[], object]) -> None:
        """Call what a signal ends at once; elsewhere what is in hand is finished first."""
        before, self._may_interrupt = self._may_interrupt, True
        try:
            if not self._stopping:  # a signal may have come a moment before
                call()
        except Terminated:
            pass
        finally:
            self._may_interrupt = before
