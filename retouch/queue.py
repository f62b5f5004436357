"""The producer's queue: enqueues edits, and reads their state and results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from retouch.causes import BatchPause, PauseCause
from retouch.edit import Edit, check_batch_id
from retouch.edit_result import Result
from retouch.errors import InputError, ServiceError
from retouch.event_log import CloudEvent, EventLog, UndeliveredEvent
from retouch.intake.admission import Intake, InvalidEditError, Rejection, custom_id_of
from retouch.intake.redo import redo_id
from retouch.intake.uploads import Inputs
from retouch.intake.writing import BatchWriter, Receipt
from retouch.ledger import (
    DEFAULT_NAMESPACE,
    PAGE,
    Address,
    BatchView,
    EditView,
    Entry,
    Ledger,
    Made,
    Pause,
    Provider,
    Retried,
    Sink,
)
from retouch.ledger.producer import OnProgress
from retouch.net.addresses import PrivateHosts
from retouch.provider.polling.histogram import Distribution, weight
from retouch.reach import OnOutage, Reach
from retouch.states import EditState

POLL_MIN_S, POLL_MAX_S = 0.2, 1.0  # between two looks at a batch: short while it changes, longer while it does not


class ResultTimes(NamedTuple):
    """How long results of one kind of work take, in seconds: half come within ``p50_s``, 95 % within ``p95_s``."""

    p50_s: float
    p95_s: float


class EditQueue:
    """Enqueues edits and watches them. Thread-safe; connects at the first use, and needs no closing.

    Every method raises ServiceError if Redis cannot be used, and InputError for a batch id that is not valid.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        private_hosts: PrivateHosts | None = None,
        inputs: Inputs | None = None,
        address: str = "the address given",
    ) -> None:
        self._ledger = ledger
        self._private_hosts = private_hosts or PrivateHosts()
        self._inputs = inputs
        self._reach = Reach(address)
        self._event_log = EventLog(ledger, self._reach)
        self.address = address

    @classmethod
    def from_url(
        cls,
        redis_url: str,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        private_hosts: str = "",
        timeout_s: float = 3.0,
    ) -> EditQueue:
        """Make a queue on the Redis (or Valkey) at ``redis_url``; raises InputError if that is not a Redis URL.

        ``namespace``: the installation's ``RETOUCH_NAMESPACE``. ``private_hosts``: ``host`` or ``host:port``, comma
        separated; hosts that ``init_image`` may name although they are not public. ``timeout_s``: how long one
        command may take, at least 1.
        """
        ledger = Ledger.from_url(redis_url, namespace=namespace, timeout_s=timeout_s)
        return cls(ledger, private_hosts=PrivateHosts.parse(private_hosts), address=Address.parse(redis_url).shown)

    # --- putting edits in ------------------------------------------------------------------------

    def enqueue(
        self,
        edits: Iterable[Edit | Mapping[str, Any]],
        *,
        batch: str,
        defaults: Mapping[str, Any] | None = None,
        weight: float = 1.0,
    ) -> Receipt:
        """Put edits into a batch, which is made with its first; a generator is never held in memory.

        The batch does not end before this has returned, however slow a generator is; what it has given so far is
        written every two seconds. If no edit is accepted, no batch is made.

        Edits (or mappings of the same fields) that are invalid, or whose ``custom_id`` exists with other parameters,
        are not enqueued, and the receipt lists them; the others are enqueued. An edit that exists already is not
        changed, so it is safe to call this again with the same edits.

        ``defaults`` are fields for edits that do not set them. ``weight``: a batch of weight 2 gets twice the
        turns of one of weight 1; raises InputError unless it is 0.001 to 1000. Local pictures are not uploaded here:
        use a URL or ``s3://bucket/key``.

        Returns when everything is written and, if the server can confirm it, on its disk. If Redis fails or the
        process dies in the middle, what was written stays, and the same call again adds the rest.
        """
        intake = Intake(defaults or {}, self._private_hosts, self._inputs)
        rejected: list[Rejection] = []
        with self.writer(batch, intake.defaults, weight=weight) as writer:
            for place, raw in enumerate(edits, 1):
                try:
                    writer.add(place, intake.entry(intake.admit(raw)))
                except InvalidEditError as error:
                    rejected.append(Rejection(place, custom_id_of(raw), error.errors))
        return writer.receipt(rejected)

    def conflicts(self, batch: str, entries: Sequence[Entry]) -> set[str]:
        """The custom ids among ``entries`` that exist in the batch with other parameters; changes nothing.

        For a caller that writes nothing if one of its edits is invalid.
        """
        check_batch_id(batch)
        found: set[str] = set()
        with self._reach():
            if self._ledger.reader.batch(batch) is not None:
                for first in range(0, len(entries), PAGE):
                    page = entries[first : first + PAGE]
                    found.update(self._ledger.producer.conflicts(batch, [(e.custom_id, e.digest) for e in page]))
        return found

    def writer(
        self,
        batch: str,
        defaults: Mapping[str, Any],
        *,
        weight: float = 1.0,
        origin: Mapping[str, str] | None = None,
    ) -> BatchWriter:
        """A context manager that writes checked entries (``retouch.intake``) into a batch.

        ``defaults`` are those of the Intake that made the entries. ``origin``: ``redo_of`` and ``content`` of a new
        batch that does another's edits again. ``enqueue`` does both for edits.
        """
        return BatchWriter(self._ledger, check_batch_id(batch), defaults, weight, origin=origin)

    # --- one batch -------------------------------------------------------------------------------

    def status(self, batch: str) -> BatchView:
        """How many of the batch's edits are in each state; raises InputError if there is no such batch."""
        view = self.find(batch)
        if view is None:
            raise InputError(
                f"there is no batch {batch!r} in Redis; check the name. A batch that ended long ago is only in S3"
                " (RETOUCH_RETENTION)"
            )
        return view

    def find(self, batch: str) -> BatchView | None:
        """The same as ``status``, and None if there is no such batch in Redis."""
        with self._reach():
            return self._ledger.reader.batch(check_batch_id(batch))

    def wait(
        self,
        batch: str,
        timeout_s: float | None = None,
        on_progress: Callable[[BatchView], None] | None = None,
        on_outage: OnOutage | None = None,
    ) -> BatchView:
        """Wait until every edit has ended and the batch's files are written; returns the last view.

        ``on_progress`` is called with every view. Once the batch has been seen, the call waits through outages of
        Redis: ``on_outage`` is called with the reason, and with None when Redis is back. Raises TimeoutError after
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
            newer = self._reach.through_outages(lambda: self._still_there(batch), on_outage, end) or view
            moved = newer.counts != view.counts
            pause_s = POLL_MIN_S if moved else min(pause_s * 1.5, POLL_MAX_S)
            view = newer

    def results(self, batch: str, *, blank: bool | None = None) -> Iterator[Result]:
        """The results of the edits that have ended, in the batch's order, read page by page.

        ``blank``: only those with an image that is blank or may be (True), or without one (False). Raises InputError if
        there is no such batch.
        """
        self.status(batch)
        results = self._results(batch)
        return results if blank is None else (result for result in results if result.blank is blank)

    def edit(self, batch: str, custom_id: str) -> EditView:
        """Where one edit stands and what happens next; raises InputError if there is no such edit."""
        with self._reach():
            view = self._ledger.reader.edit(check_batch_id(batch), custom_id)
        if view is None:
            self.status(batch)
            raise InputError(f"there is no edit {custom_id[:80]!r} in batch {batch!r}")
        return view

    def made(self, batch: str, custom_ids: Sequence[str] | None = None) -> Iterator[Made]:
        """A batch's edits, or those of these ids that it has, with what they were made of; read page by page.

        Raises InputError if there is no such batch.
        """
        self.status(batch)
        return self._made(batch, custom_ids)

    def redo_id(self, batch: str, content: str) -> str:
        """The id of the batch that does edits of ``batch`` again, as ``content`` (a hash) says.

        It is the first ``batch-redo-N`` that is not there, or is there and has the same content.
        """
        with self._reach():
            return redo_id(batch, content, self._ledger.reader.batch)

    def retry(
        self,
        batch: str,
        states: Iterable[EditState] = (EditState.FAILED,),
        *,
        anew: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Retried:
        """Try the edits in these states (failed, cancelled or held) again; returns how many are asked about, and sent.

        Where the API took an edit and may still have its result, it is asked first; ``anew``: all are submitted again.
        ``on_progress`` is called page by page with how many edits of the batch were looked at, of how many.
        """
        self.status(batch)
        with self._reach():
            return self._ledger.producer.retry(batch, states, anew=anew, on_progress=on_progress)

    def pause(self, batch: str | None = None, reason: str = "a person paused it") -> bool:
        """Submit no more edits of a batch, or of any; what is at the API is finished. False if it was paused before."""
        if batch is not None:
            self.status(batch)
        with self._reach():
            if batch is None:
                return self._ledger.worker.pause(f"submit:{PauseCause.PERSON}", reason)
            return self._ledger.producer.pause(batch, BatchPause.PERSON, reason)

    def resume(self, batch: str | None = None) -> bool:
        """End all pauses of a batch; without one, those by a person and for refusals. Returns whether there was one.

        What the API asked for (a Retry-After) and outages end by themselves.
        """
        if batch is not None:
            self.status(batch)
        with self._reach():
            if batch is None:
                return bool(
                    self._ledger.worker.resume(*(f"submit:{c}" for c in (PauseCause.PERSON, PauseCause.REFUSED)))
                )
            return self._ledger.producer.resume(batch)

    def seal(self, batch: str) -> bool:
        """Let a batch end as it is, whose producer is gone; False if it was sealed before.

        ``enqueue`` and ``writer`` seal what they have written.
        """
        self.status(batch)
        with self._reach():
            return self._ledger.producer.seal(batch)

    def cancel(
        self,
        batch: str,
        states: Iterable[EditState] = (EditState.QUEUED, EditState.HELD),
        *,
        on_progress: OnProgress | None = None,
    ) -> int:
        """Cancel the edits that are not at the API yet; returns how many. Those at the API are finished and kept.

        ``on_progress``: as for ``retry``.
        """
        self.status(batch)
        with self._reach():
            return self._ledger.producer.cancel(batch, states, on_progress=on_progress)

    def remove(self, batch: str, on_progress: OnProgress | None = None) -> None:
        """Remove a batch that has ended from Redis, with its results; its objects in S3 and its events stay.

        ``on_progress`` is called page by page with how many edits are removed, of how many. Raises InputError if there
        is no such batch, or it has not ended. If the process dies in the middle, the workers remove the rest.
        """
        total, left = self.status(batch).total, 1
        with self._reach():
            while left:
                answer = self._ledger.producer.remove(batch)
                if answer is None:
                    raise InputError(
                        f"batch {batch} has not ended, so it is not removed; to end it: retouch cancel {batch}"
                    )
                left = answer
                if on_progress:
                    on_progress(total - left, total)

    # --- the whole installation ------------------------------------------------------------------

    def batches(self, newest: int = 50, *, state: str | None = None) -> list[BatchView]:
        """The newest batches, the newest first; with ``state`` those alone that are shown in it.

        A ``state`` is one of BatchState, or ``"paused"``: not completed, and its queued edits are not submitted.
        """
        with self._reach():
            found = self._ledger.reader.all_batches()
            return list(islice((view for view in found if state in (None, view.shown_state)), newest))

    def events(
        self, after: str = "", *, follow: bool = False, on_outage: OnOutage | None = None
    ) -> Iterator[CloudEvent]:
        """The events that Redis holds (7 days at most), the oldest first; with ``follow`` it waits for new ones.

        ``after``: begin after the event with this id; raises InputError if it is not an id.
        While it follows, it waits through outages of Redis and calls ``on_outage``, as ``wait`` does.
        """
        return self._event_log.events(after, follow=follow, on_outage=on_outage)

    def sinks(self) -> list[Sink]:
        """Where events are delivered, or were until lately."""
        return self._event_log.sinks()

    def undelivered(self, sink: str | None = None) -> Iterator[UndeliveredEvent]:
        """The events that a sink (or any) has not taken, by sink, the oldest first; read page by page.

        They stay for 7 days at most, as all events do. Raises InputError if there is no such sink.
        """
        return self._event_log.undelivered(sink)

    def redeliver(self, sink: str | None = None) -> int:
        """Have these events delivered again, now, under the same ids; returns how many that are.

        Those that were given up get a new schedule of tries. Raises InputError if there is no such sink.
        """
        return self._event_log.redeliver(sink)

    def workers(self) -> list[str]:
        """The names of the workers that are alive."""
        with self._reach():
            return self._ledger.reader.workers()

    def pauses(self) -> list[Pause]:
        """Why requests of a kind are not sent; empty if all are."""
        with self._reach():
            return self._ledger.reader.pauses()

    def provider(self) -> Provider:
        """How the API is used at present."""
        with self._reach():
            return self._ledger.reader.provider()

    def queued(self) -> int:
        """How many edits of all batches can be submitted now, without those that wait for a retry."""
        with self._reach():
            return self._ledger.reader.queued()

    def result_times(self) -> dict[str, ResultTimes]:
        """How long results take, by kind of work, for the ten kinds that were seen last."""
        with self._reach():
            known = {kind: self._ledger.reader.learned(kind) for kind in self._ledger.reader.kinds()}
        beliefs = {kind: Distribution(histogram) for kind, histogram in known.items() if weight(histogram) >= 1}
        return {kind: ResultTimes(*(_age_s(belief, p) for p in (0.50, 0.95))) for kind, belief in beliefs.items()}

    def server(self) -> dict[str, object]:
        """The Redis server's answer to ``INFO``."""
        with self._reach():
            return self._ledger.reader.server()

    def check(self, waits_s: float | None = None, on_outage: OnOutage | None = None) -> None:
        """Raise ServiceError unless Redis answers, and holds a ledger of this program's version (SchemaError).

        ``waits_s``: wait so long until it answers, and call ``on_outage`` as ``wait`` does; then raise TimeoutError.
        """
        with self._reach():
            if waits_s is None:
                self._ledger.reader.check()
            elif not self._reach.through_outages(self._answers, on_outage, time.monotonic() + waits_s):
                raise TimeoutError(f"Redis at {self.address} has not answered within {waits_s:g} s")

    # --- reaching Redis --------------------------------------------------------------------------

    def _answers(self) -> bool:
        self._ledger.reader.check()
        return True

    def _results(self, batch: str) -> Iterator[Result]:
        with self._reach():
            yield from map(Result, self._ledger.reader.results(batch))

    def _made(self, batch: str, custom_ids: Sequence[str] | None) -> Iterator[Made]:
        with self._reach():
            yield from self._ledger.reader.made(batch, custom_ids)

    def _still_there(self, batch: str) -> BatchView:
        view = self._ledger.reader.batch(batch)
        if view is None:
            raise ServiceError(
                f"batch {batch!r} is no longer in Redis: its data was removed or lost;"
                " enqueue the manifest again to add lost edits"
            )
        return view


def _age_s(belief: Distribution, probability: float) -> float:
    return round(belief.age_ms(probability) / 1000, 1)
