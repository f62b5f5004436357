"""Writing a batch: entries go to the ledger page by page, and the receipt says what was written."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Self

from retouch.blocking import result_of
from retouch.errors import (
    BatchBudgetError,
    BatchCancelledError,
    BatchDefaultsError,
    BatchLimitError,
    CancelledError,
    InputError,
    LedgerError,
    ServiceError,
)
from retouch.events.sinks.spec import SinkSpec
from retouch.failure_limit import other_limit
from retouch.intake.admission import rebase
from retouch.intake.mistakes import Rejection
from retouch.ledger import PAGE, Entry, Ledger, Verdict
from retouch.ledger.producer import check_weight
from retouch.plural import count, were
from retouch.price import Budget, other_budget

CONFLICT = "custom_id exists in the batch with other parameters; choose another custom_id or another batch"
SEND_EVERY_S = 2.0  # what a slow producer has given so far is written this often


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of an enqueue. ``on_disk``: the server confirmed that everything is in its append-only file."""

    batch: str
    accepted: int
    already: int
    rejected: list[Rejection] = field(default_factory=list)
    on_disk: bool = False

    @property
    def written(self) -> int:
        """How many of the edits are in the batch; with none, there may be no such batch."""
        return self.accepted + self.already


Page = list[tuple[int, Entry]]


class BatchWriter(ABC):
    """Writes entries to a batch, as a context manager: when it has ended normally, everything is written.

    ``accepted``, ``already``: how many are new, and how many were there. ``conflicts``: those that were refused.
    ``on_disk``: the server has confirmed that everything is on its disk. ``found``: the batch was there before, as far
    as is known.
    """

    def __init__(self, batch: str) -> None:
        self._batch = batch
        self.found = False
        self.accepted = self.already = 0
        self.on_disk = False
        self.conflicts: list[Rejection] = []

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None: ...

    @abstractmethod
    def add(self, line: int, entry: Entry) -> None:
        """Add an entry; it is written at the end at the latest."""

    def settle(self) -> None:  # noqa: B027 - where nothing is on its way, there is nothing to wait for
        """Wait until it is known what became of everything that was sent."""

    @property
    def written(self) -> int:
        """How many edits are in the ledger for sure."""
        return self.accepted + self.already

    def receipt(self, rejected: Iterable[Rejection] = ()) -> Receipt:
        """What was written; ``rejected`` are the edits that the caller left out. Only after the context has ended."""
        everything = sorted([*rejected, *self.conflicts])
        return Receipt(self._batch, self.accepted, self.already, everything, self.on_disk)


class LedgerWriter(BatchWriter):
    """Writes a page when it is full, and every two seconds what is there.

    As a context manager: leaving it normally writes the rest, seals the batch and waits for the server's disk. The
    batch is made with its first page, gets ``notify`` as its own sink then, and does not end before it is sealed. If
    the process dies in the middle, the pages written stay; enqueuing the same edits again adds the rest, and seals it.
    ``held``: none of a new batch's edits is submitted before all are written, and this is why, for people. A page is
    sent while the next one is prepared, so an error shows with a later ``add``, or at the end. Raises ServiceError,
    which says how many edits are surely written, and InputError for a bad ``weight``, if the batch has another
    ``max_failures`` or ``budget``, or for a budget without a price.

    ``sender``: whose edits they are, for people. ``open_until``: the batch does not end before, also once it is sealed:
    others may add to it. ``send_every_s``: None where all entries are at hand, so that none waits for the next one, and
    no person's Ctrl-C comes in between. ``confirm``: False where the caller asks himself whether all is on the server's
    disk.
    """

    def __init__(
        self,
        ledger: Ledger,
        batch: str,
        defaults: Mapping[str, Any],
        weight: float = 1.0,
        *,
        origin: Mapping[str, Any] | None = None,
        max_failures: str = "",
        budget: Budget | None = None,
        sender: str = "",
        notify: SinkSpec | None = None,
        held: str = "",
        open_until: datetime | None = None,
        send_every_s: float | None = SEND_EVERY_S,
        confirm: bool = True,
    ) -> None:
        super().__init__(batch)
        self._producer = ledger.producer
        self._ours = dict(defaults)
        self._weight = check_weight(weight)
        self._origin = origin
        self._max_failures = max_failures
        self._budget = budget
        self._by = sender
        self._notify = notify
        self._held = held
        self._open_until = open_until
        self._send_every_s = send_every_s
        self._confirm = confirm
        self._lock = Lock()  # of the next two: the caller's thread and the one that sends now and then use both
        self._page: Page = []
        self._sent: deque[tuple[Page, Future[list[Verdict]]]] = deque()
        self._clock: Thread | None = None
        self._ended = Event()
        self._name = secrets.token_hex(4)
        self._began = False

    def __enter__(self) -> Self:
        with self._telling():
            opened = self._producer.open_batch(self._batch)
        stored, self._cancelled = opened.defaults, opened.cancelled
        if self._max_failures and (wrong := other_limit(self._batch, opened.max_failures, self._max_failures)):
            raise InputError(wrong)
        if self._budget and opened.budget not in ("", str(self._budget.micros)):
            raise InputError(other_budget(self._batch, int(opened.budget), self._budget))
        self.found = stored is not None
        self._hold = "" if self.found else self._held
        self._defaults = self._ours if stored is None else stored
        self._sender = ThreadPoolExecutor(1, "retouch-enqueue")
        if self._send_every_s is not None:
            self._clock = Thread(target=self._send_now_and_then, name="retouch-enqueue-clock", daemon=True)
            self._clock.start()
        return self

    def add(self, line: int, entry: Entry) -> None:
        """Add an entry; it is written when its page is full, after two seconds, or at the end."""
        if self._defaults != self._ours:
            entry = rebase(entry, self._ours, self._defaults)
        with self._lock:
            self._page.append((line, entry))
            full = len(self._page) == PAGE
            if full:
                self._send()
        if full or self._answered:
            self._collect(unanswered=1)

    def settle(self) -> None:
        """Wait until it is known what became of every page that was sent; what is in no page yet stays there."""
        self._collect()

    def _send_now_and_then(self) -> None:
        while not self._ended.wait(self._send_every_s):
            with self._lock:
                sent = self._send()
            if not sent and self._began:
                with suppress(LedgerError):  # whatever it is, the next page meets it
                    self._write([])  # only that this producer lives

    def _send(self) -> bool:
        if not self._page:
            return False
        page, self._page = self._page, []
        self._began = True
        self._sent.append((page, self._sender.submit(self._write, [entry for _, entry in page])))
        return True

    def _write(self, entries: list[Entry]) -> list[Verdict]:
        verdicts = self._producer.enqueue(
            self._batch,
            entries,
            self._defaults,
            self._weight,
            producer=self._name,
            cancelled=self._cancelled,
            origin=self._origin,
            max_failures=self._max_failures,
            budget=self._budget,
            sender=self._by,
            held=self._hold if entries else "",
        )
        self._hold = "" if entries else self._hold
        if self._notify and entries:  # once there is a batch
            self._producer.notify(self._batch, self._notify.target, self._notify.shown, self._notify.types)
            self._notify = None
        return verdicts

    @property
    def _answered(self) -> bool:
        return bool(self._sent) and self._sent[0][1].done()

    def _collect(self, *, unanswered: int = 0) -> None:
        """Count what was written; wait until at most so many pages are on their way."""
        while len(self._sent) > unanswered or self._answered:
            page, sent = self._sent[0]
            with self._telling():
                verdicts = result_of(sent)
            self._sent.popleft()
            self._count(page, verdicts)

    def _count(self, page: Page, verdicts: list[Verdict]) -> None:
        self.accepted += verdicts.count(Verdict.ACCEPTED)
        self.already += verdicts.count(Verdict.ALREADY)
        for (line, entry), verdict in zip(page, verdicts, strict=True):
            if verdict is Verdict.CONFLICT:
                self.conflicts.append(Rejection(line, entry.custom_id, [CONFLICT]))

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._ended.set()
        if self._clock:
            self._clock.join()
        with self._sender:
            if kind is None:
                self._finish()

    def _finish(self) -> None:
        if self._sent or self._clock:
            self._send()
            self._collect()
        with self._telling():
            if self._page:  # starting a thread takes longer than writing the only page
                self._count(self._page, self._write([entry for _, entry in self._page]))
            if self._open_until:  # before the seal, and once there is a batch
                self._producer.keep_open(self._batch, int(self._open_until.timestamp() * 1000))
            self._producer.seal(self._batch, self._name)
            if self._held:
                self._producer.release(self._batch)
            if self._confirm:
                self.on_disk = self._producer.wait_for_disk()

    def _told(self) -> str:
        return f"{count(self.written, 'edit')} {were(self.written)}"

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except BatchCancelledError:
            if self._held:
                with suppress(LedgerError):  # it stays paused then, and says so
                    self._producer.release(self._batch)
            raise CancelledError(
                f"batch {self._batch} was cancelled while it was being enqueued: {self._told()} written before,"
                " and nothing more is added; to go on all the same, enqueue it again"
            ) from None
        except BatchDefaultsError:
            raise InputError(
                f"another producer made batch {self._batch} at the same moment, with other defaults:"
                f" {self._told()} written; enqueue the same again"
            ) from None
        except BatchLimitError as error:
            wrong = other_limit(self._batch, error.found, self._max_failures)
            raise InputError(f"{wrong} ({self._told()} written before)") from None
        except BatchBudgetError as error:
            wrong = other_budget(self._batch, error.found, self._budget or Budget(0))
            raise InputError(f"{wrong} ({self._told()} written before)") from None
        except LedgerError as error:
            raise ServiceError(
                f"Redis failed while batch {self._batch} was being enqueued ({error}): {self._told()}"
                " written for sure; enqueue the same again to add the rest"
            ) from error
