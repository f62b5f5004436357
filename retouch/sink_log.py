"""Where events are delivered, and what was not taken there: read and changed in Redis, or through a gateway."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, cast

from retouch.errors import InputError
from retouch.event_log import UndeliveredEvent
from retouch.ledger import Ledger, Sink
from retouch.ledger.constants import NOTIFY_PREFIX
from retouch.reach import Reach

if TYPE_CHECKING:
    from retouch.gateway.remote import RemoteLedger  # loaded where there is a gateway


class SinkLog:
    """The sinks of one installation, and what they have not taken; ``EditQueue`` says what its methods do."""

    def __init__(self, way: Ledger | RemoteLedger, reach: Reach) -> None:
        self._way = way
        self._reach = reach

    def sinks(self) -> list[Sink]:
        """Where all events are delivered, or were until lately."""
        with self._reach():
            return self._way.reader.sinks()

    def batch_sinks(self, batch: str | None) -> list[Sink]:
        """The sinks of batches' own, or that of one batch."""
        with self._reach():
            return self._way.reader.batch_sinks(batch)

    def undelivered(self, sink: str | None) -> Iterator[UndeliveredEvent]:
        """The events that a sink (or any) has not taken; raises InputError if there is no such sink."""
        return self._undelivered(self._named(sink))

    def redeliver(self, sink: str | None) -> int:
        """Have these events delivered again; returns how many that are. Raises InputError if there is no such sink."""
        sinks = self._named(sink)
        with self._reach():
            return sum(self._way.producer.redeliver(one.name) for one in sinks)

    def sink(self, name: str) -> Sink:
        """One sink; raises InputError if there is none of that name."""
        [one] = self._named(name)
        return one

    def replay(self, sink: str, since: datetime) -> int:
        """Have the events since then delivered to a sink again; raises InputError if there is no such sink."""
        name = self.sink(sink).name
        with self._reach():
            return self._way.producer.replay(name, int(since.timestamp() * 1000))

    def drop(self, sink: str) -> Sink:
        """Remove a sink; raises InputError if there is none, or a live worker has it. Returns it as it was."""
        one = self.sink(sink)
        with self._reach():
            dropped = self._way.producer.drop_sink(one.name)
        if dropped is False:
            raise InputError(
                f"a live worker has the sink {one.name}, so it is not dropped: take it from that worker's"
                " RETOUCH_SINKS (or RETOUCH_WEBHOOK_URL), and restart the worker"
            )
        return one

    def _undelivered(self, sinks: Iterable[Sink]) -> Iterator[UndeliveredEvent]:
        with self._reach():
            if not isinstance(self._way, Ledger):
                for sink in sinks:
                    yield from self._way.reader.undelivered(sink)
                return
            origin = self._way.reader.origin()
            for sink in sinks:
                for found in self._way.reader.undelivered(sink):
                    yield cast(UndeliveredEvent, found.cloudevent(origin))

    def _named(self, name: str | None) -> list[Sink]:
        if name and name.startswith(NOTIFY_PREFIX):
            return self._of_batch(name.removeprefix(NOTIFY_PREFIX))
        sinks = self.sinks()
        found = [sink for sink in sinks if name in (None, sink.name)]
        if name is not None and not found:
            known = f"known: {', '.join(sink.name for sink in sinks)}" if sinks else "no worker has named one"
            raise InputError(f"there is no sink {name[:80]!r}; {known}")
        return found

    def _of_batch(self, batch: str) -> list[Sink]:
        if not (found := self.batch_sinks(batch)):
            raise InputError(f"the batch {batch[:80]!r} has no sink of its own (enqueue --notify URL)")
        return found
