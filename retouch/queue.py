"""The producer's queue: edits go in, and what became of them comes out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from retouch.edit import Edit, check_batch_id
from retouch.errors import InputError, LedgerAwayError, LedgerError, LedgerUnwillingError, ServiceError
from retouch.intake import BatchWriter, Intake, InvalidEditError, Rejection, custom_id_of
from retouch.ledger import BatchView, Ledger
from retouch.net import PrivateHosts, without_query
from retouch.states import EditState
from retouch.uploads import Inputs

POLL_MIN_S, POLL_MAX_S = 0.2, 1.0  # how often a batch is looked at: fast while it moves, slower while it does not


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an enqueue did. ``on_disk``: the server confirmed that all of it is in its append-only file."""

    batch: str
    accepted: int
    already: int
    rejected: list[Rejection] = field(default_factory=list)
    on_disk: bool = False


class EditQueue:
    """Enqueues edits and watches them. Thread-safe; connects at the first use.

    Every method raises ServiceError if Redis cannot be reached, and InputError for a batch id that is none.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        private_hosts: PrivateHosts | None = None,
        inputs: Inputs | None = None,
        address: str = "the address given",
    ) -> None:
        self.ledger = ledger
        self._private_hosts = private_hosts or PrivateHosts()
        self._inputs = inputs
        self.address = address

    @classmethod
    def from_url(cls, redis_url: str, *, private_hosts: str = "", timeout_s: float = 3.0) -> EditQueue:
        """Make a queue on the Redis (or Valkey) at ``redis_url``; raises InputError if that is no Redis URL.

        ``private_hosts``: ``host`` or ``host:port``, comma separated; hosts that ``init_image`` may name though
        they are not public. ``timeout_s`` is how long one command may take.
        """
        ledger = Ledger.from_url(redis_url, timeout_s=timeout_s)
        return cls(ledger, private_hosts=PrivateHosts.parse(private_hosts), address=without_query(redis_url))

    def enqueue(
        self,
        edits: Iterable[Edit | Mapping[str, Any]],
        *,
        batch: str,
        defaults: Mapping[str, Any] | None = None,
        weight: float = 1.0,
    ) -> Receipt:
        """Put edits into a batch, which is made if it is new; a generator is never held in memory.

        Edits (or mappings of the same fields) that break the contract, or whose ``custom_id`` exists with other
        parameters, are left out and named in the receipt; the others are enqueued. An edit that is there already
        is left alone, so that calling this again with the same edits is safe.

        ``defaults`` are fields for edits that do not set them. ``weight``: a batch of weight 2 gets twice the
        turns of one of weight 1. Local pictures are not uploaded here: give a URL or ``s3://bucket/key``.

        Returns when everything is written and, where the server can tell, on its disk. If Redis fails, or the
        process dies, in the middle: what was written stays, and the same call again adds the rest.
        """
        intake = Intake(defaults or {}, self._private_hosts, self._inputs)
        rejected: list[Rejection] = []
        with BatchWriter(self.ledger, check_batch_id(batch), intake.defaults, weight) as writer:
            for place, raw in enumerate(edits, 1):
                try:
                    writer.add(place, intake.entry(intake.admit(raw)))
                except InvalidEditError as error:
                    rejected.append(Rejection(place, custom_id_of(raw), error.errors))
        rejected = sorted(rejected + writer.conflicts)
        return Receipt(batch, writer.accepted, writer.already, rejected, writer.on_disk)

    def status(self, batch: str) -> BatchView:
        """How many of the batch's edits are in each state; raises InputError if there is no such batch."""
        with self.reaching():
            view = self.ledger.reader.batch(check_batch_id(batch))
        if view is None:
            raise InputError(
                f"there is no batch {batch!r} in Redis; what ended long ago is only in S3 (RETOUCH_RETENTION)"
            )
        return view

    def wait(
        self,
        batch: str,
        timeout_s: float | None = None,
        on_progress: Callable[[BatchView], None] | None = None,
        on_outage: Callable[[str | None], None] | None = None,
    ) -> BatchView:
        """Wait until every edit has ended and the batch's files are written; returns its last view.

        ``on_progress`` is called with every view. Once the batch has been seen, Redis going away is waited out:
        ``on_outage`` is called with the reason, and with None when it is back. Raises TimeoutError after
        ``timeout_s`` seconds; the batch goes on.
        """
        end = None if timeout_s is None else time.monotonic() + timeout_s
        view = self.status(batch)
        pause_s = POLL_MIN_S
        while True:
            if on_progress:
                on_progress(view)
            if view.finished:
                return view
            left_s = pause_s if end is None else end - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(f"batch {batch} has not ended after {timeout_s:g} s")
            time.sleep(min(pause_s, left_s))
            newer = self._patiently(batch, end, on_outage) or view
            moved = newer.counts != view.counts
            pause_s = POLL_MIN_S if moved else min(pause_s * 1.5, POLL_MAX_S)
            view = newer

    def _patiently(
        self, batch: str, end: float | None, on_outage: Callable[[str | None], None] | None
    ) -> BatchView | None:
        """The batch's view, however long Redis is away; None when the time is up first."""
        told = False
        while True:
            try:
                view = self.ledger.reader.batch(batch)
            except LedgerUnwillingError as error:
                raise ServiceError(self.unreachable(error)) from error
            except LedgerAwayError as error:
                if on_outage and not told:
                    on_outage(str(error))
                told = True
                if end is not None and time.monotonic() >= end:
                    return None
                time.sleep(POLL_MAX_S / 2)
                continue
            if told and on_outage:
                on_outage(None)
            if view is None:
                raise ServiceError(f"batch {batch!r} is no longer in Redis: its data was lost or removed")
            return view

    def results(self, batch: str) -> Iterator[dict[str, Any]]:
        """The results of the edits that have ended, in the batch's order, as lines of ``manifest.jsonl``."""
        self.status(batch)
        with self.reaching():
            yield from self.ledger.reader.results(batch)

    def retry(self, batch: str, states: Iterable[EditState] = (EditState.FAILED,)) -> int:
        """Put the edits in these states (failed, cancelled or held) back into the queue; returns how many."""
        self.status(batch)
        with self.reaching():
            return self.ledger.producer.retry(batch, states)

    def cancel(self, batch: str, states: Iterable[EditState] = (EditState.QUEUED, EditState.HELD)) -> int:
        """Cancel the edits that are not at the API yet; returns how many. What is there is finished and kept."""
        self.status(batch)
        with self.reaching():
            return self.ledger.producer.cancel(batch, states)

    def check(self) -> None:
        """Raise ServiceError unless Redis answers."""
        with self.reaching():
            self.ledger.reader.check()

    def unreachable(self, error: LedgerError) -> str:
        """The sentence for a Redis that cannot be used."""
        return f"cannot use Redis at {self.address} (RETOUCH_REDIS_URL): {error}"

    @contextmanager
    def reaching(self) -> Iterator[None]:
        """Turn what Redis raises inside into a ServiceError that names it."""
        try:
            yield
        except LedgerError as error:
            raise ServiceError(self.unreachable(error)) from error
