"""What producers see of a whole installation: its workers, pauses, events, and how its API is used."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from retouch.errors import InputError
from retouch.event_log import OLDEST, CloudEvent, EventLog, UndeliveredEvent, place_of
from retouch.gateway import NEEDS_REDIS
from retouch.ledger import DayMoney, Figures, Ledger, Pause, Provider, Sample, Sink, WorkerView
from retouch.price import Price
from retouch.provider.polling.histogram import Distribution, weight
from retouch.reach import OnOutage, Reach, no_redis
from retouch.sink_log import SinkLog

if TYPE_CHECKING:
    from retouch.gateway.remote import RemoteLedger  # loaded where there is a gateway


class ResultTimes(NamedTuple):
    """How long results of one kind of work take, in seconds: half come within ``p50_s``, 95 % within ``p95_s``."""

    p50_s: float
    p95_s: float


class Installation:
    """Reads what concerns no single batch. Every method raises ServiceError if Redis, or the gateway, cannot be used.

    ``address``: where Redis is, without its password; or the gateway. ``place``: the same, as messages call it;
    ``service``: what it is. ``remote``: batches are reached through a gateway. What that does
    not offer raises InputError.
    """

    def __init__(self, way: Ledger | RemoteLedger, address: str) -> None:
        self._way = way
        self.remote = not isinstance(way, Ledger)
        unusable = f"cannot use the gateway at {address} (RETOUCH_URL)" if self.remote else no_redis(address)
        self.place = unusable.removeprefix("cannot use ")
        self._reach = Reach(unusable)
        self.service = "the gateway" if self.remote else "Redis"
        self.address = address

    @property
    def _ledger(self) -> Ledger:
        """The ledger itself, for what only Redis offers."""
        if not isinstance(self._way, Ledger):
            raise InputError(NEEDS_REDIS)
        return self._way

    @property
    def _event_log(self) -> EventLog:
        return EventLog(self._ledger, self._reach)

    @property
    def _sink_log(self) -> SinkLog:
        return SinkLog(self._way, self._reach)

    def events(
        self, after: str = "", *, follow: bool = False, on_outage: OnOutage | None = None
    ) -> Iterator[CloudEvent]:
        """The events that Redis holds (7 days at most), the oldest first; with ``follow`` it waits for new ones.

        ``after``: begin after the event with this id; raises InputError if it is not an id. Through a gateway they are
        those of the batches that the key may know of.
        While it follows, it waits through outages of Redis (or of the gateway) and calls ``on_outage``, as ``wait``
        does.
        """
        if not isinstance(self._way, Ledger):
            return self._way.events(place_of(after or OLDEST), self._reach, follow=follow, on_outage=on_outage)
        return self._event_log.events(after, follow=follow, on_outage=on_outage)

    def newest_event(self) -> str:
        """Where the newest event is in the stream, for ``events(after=…)``; ``0-0`` if there is none."""
        return self._event_log.newest()

    def sinks(self) -> list[Sink]:
        """Where all events are delivered, or were until lately: what the settings of workers name."""
        return self._sink_log.sinks()

    def batch_sinks(self, batch: str | None = None) -> list[Sink]:
        """The sinks that batches have of their own (``enqueue(notify=…)``), or that of one batch, if it has one.

        Their names are ``notify:BATCH``; every method that takes a sink's name takes these too.
        """
        return self._sink_log.batch_sinks(batch)

    def undelivered(self, sink: str | None = None) -> Iterator[UndeliveredEvent]:
        """The events that a sink (or any) has not taken, by sink, the oldest first; read page by page.

        They stay for 7 days at most, as all events do. Raises InputError if there is no such sink.
        """
        return self._sink_log.undelivered(sink)

    def redeliver(self, sink: str | None = None) -> int:
        """Have these events delivered again, now, under the same ids; returns how many that are.

        Those that were given up get a new schedule of tries. Raises InputError if there is no such sink.
        """
        return self._sink_log.redeliver(sink)

    def sink(self, name: str) -> Sink:
        """One sink, also a batch's own; raises InputError if there is none of that name."""
        return self._sink_log.sink(name)

    def replay(self, sink: str, since: datetime) -> int:
        """Have the events since then delivered to a sink again, under the same ids; returns how many that are.

        Those that it asks for, also those that it has taken. Events are kept for 7 days at most. Raises InputError if
        there is no such sink.
        """
        return self._sink_log.replay(sink, since)

    def drop_sink(self, sink: str) -> Sink:
        """Remove a sink with all that waits for it; returns it as it was.

        Raises InputError if there is no such sink, or a live worker has it.
        """
        return self._sink_log.drop(sink)

    def workers(self) -> list[str]:
        """The names of the workers that are alive."""
        with self._reach():
            return self._way.reader.workers()

    def crew(self) -> list[WorkerView]:
        """The workers that are alive: where each runs, since when, its version, and how much it has in hand."""
        with self._reach():
            return self._way.reader.crew()

    def differences(self) -> dict[str, dict[str, list[str]]]:
        """Settings in which live workers differ that must be alike: variable → value → the workers that have it."""
        with self._reach():
            return self._way.reader.differences()

    def pauses(self) -> list[Pause]:
        """Why requests of a kind are not sent; empty if all are."""
        with self._reach():
            return self._way.reader.pauses()

    def provider(self) -> Provider:
        """How the API is used at present."""
        with self._reach():
            return self._way.reader.provider()

    def samples(self, newest: int = 1440) -> list[Sample]:
        """How the API was used over the last day, a sample a minute, the oldest first; at most the ``newest`` ones.

        Minutes in which no worker ran are left out. Through a gateway it is for keys that are bound to no batches.
        """
        with self._reach():
            return self._way.reader.samples(newest)

    def price(self) -> Price | None:
        """What one image costs, which the workers count with; None: nobody has said."""
        with self._reach():
            return self._way.reader.price()

    def money(self, days: int = 1) -> list[DayMoney]:
        """What the submits of the newest days (UTC) cost, all batches together, today first; empty without a price.

        Days are kept for 400 days. Through a gateway it is for keys that are bound to no batches.
        """
        with self._reach():
            return self._way.reader.days(days)

    def queued(self) -> int:
        """How many edits of all batches can be submitted now, without those that wait for a retry."""
        with self._reach():
            return self._way.reader.queued()

    def result_times(self) -> dict[str, ResultTimes]:
        """How long results take, by kind of work, for the ten kinds that were seen last."""
        with self._reach():
            if not isinstance(self._way, Ledger):
                return {kind: ResultTimes(*spans) for kind, spans in self._way.reader.result_times().items()}
            known = {kind: self._ledger.reader.learned(kind) for kind in self._ledger.reader.kinds()}
        beliefs = {kind: Distribution(histogram) for kind, histogram in known.items() if weight(histogram) >= 1}
        return {kind: ResultTimes(*(_age_s(belief, p) for p in (0.50, 0.95))) for kind, belief in beliefs.items()}

    def figures(self) -> Figures:
        """The installation in numbers: what ``retouch metrics`` prints."""
        with self._reach():
            return self._ledger.reader.figures()

    def server(self) -> dict[str, object]:
        """The Redis server's answer to ``INFO``."""
        with self._reach():
            return self._ledger.reader.server()

    def check(self, waits_s: float | None = None, on_outage: OnOutage | None = None) -> None:
        """Raise ServiceError unless Redis answers, and holds a ledger of this program's version (SchemaError).

        Of a gateway: unless it answers, and reaches its Redis.

        ``waits_s``: wait so long until it answers, and call ``on_outage`` as ``wait`` does; then raise TimeoutError.
        """
        with self._reach():
            if waits_s is None:
                self._way.reader.check()
            elif not self._reach.through_outages(self._answers, on_outage, time.monotonic() + waits_s):
                raise TimeoutError(f"{self.place} has not answered within {waits_s:g} s")

    def _answers(self) -> bool:
        self._way.reader.check()
        return True


def _age_s(belief: Distribution, probability: float) -> float:
    return round(belief.age_ms(probability) / 1000, 1)
