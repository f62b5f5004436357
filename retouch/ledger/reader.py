"""What can be read from the ledger; nothing here changes it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any

from retouch.causes import PauseCause
from retouch.ledger.claims import Claim, made_of, parameters_of
from retouch.ledger.connection import Connection
from retouch.ledger.constants import NOTIFY_PREFIX, PAGE, SAMPLE_MS, SAMPLES_KEPT
from retouch.ledger.crew import WorkerView
from retouch.ledger.figures import Figures, read_figures
from retouch.ledger.history import HistoryStep, history
from retouch.ledger.money import DayMoney, price_of
from retouch.ledger.samples import Sample
from retouch.ledger.sinks import Pending, Sink, Undelivered, event_place, notify_sink
from retouch.ledger.views import (
    BatchPauseView,
    BatchView,
    EditView,
    Event,
    Made,
    Origin,
    Pause,
    Provider,
    instant,
    present,
)
from retouch.ledger.worker import WORKER_SEEN_MS
from retouch.price import Price
from retouch.states import EditState

BATCHES_AT_ONCE = 50  # in one request; few ask for more


def _scored(answer: Sequence[Any]) -> Iterable[tuple[str, float]]:
    """Members and their scores: pairs in RESP3, in turn in RESP2, which is what redis-py spoke before its version 8."""
    if answer and not isinstance(answer[0], str):
        return answer
    return zip(answer[::2], map(float, answer[1::2]), strict=True)


class Reader:
    """Reads batches, edits, events, and how the API is used.

    ``look_s``: how long whoever waits for a batch pauses between two looks: short while it changes, longer while not.
    """

    look_s = (0.2, 1.0)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._read = connection.read
        self._keys = connection.keys

    def check(self) -> None:
        """Raise LedgerError unless the server answers, and SchemaError unless it holds this program's version."""
        self._connection.check_schema()

    def server(self) -> dict[str, object]:
        """The server's answer to ``INFO``."""
        return dict(self._read("INFO"))

    # --- the installation ------------------------------------------------------------------------

    def workers(self) -> list[str]:
        """The names of the live workers."""
        since = self._connection.now() - WORKER_SEEN_MS
        return list(self._read("ZRANGEBYSCORE", self._keys.workers, since, "+inf"))

    def differences(self) -> dict[str, dict[str, list[str]]]:
        """Settings in which live workers differ that must be alike: variable → value → the workers that have it."""
        found: dict[str, dict[str, list[str]]] = {}
        alive = self.workers()
        told = self._read("HMGET", self._keys.settings, *alive) if alive else []
        for worker, text in zip(alive, told, strict=True):
            for variable, value in json.loads(text or "{}").items():
                found.setdefault(variable, {}).setdefault(value, []).append(worker)
        return {variable: values for variable, values in sorted(found.items()) if len(values) > 1}

    def crew(self) -> list[WorkerView]:
        """The live workers, by name."""
        keys, since = self._keys, self._connection.now() - WORKER_SEEN_MS
        alive, crew, alike = self._connection.read_all(
            [
                ("ZRANGEBYSCORE", keys.workers, since, "+inf", "WITHSCORES"),
                ("HGETALL", keys.crew),
                ("HGETALL", keys.settings),
            ]
        )
        return [WorkerView.parse(name, seen, crew.get(name), alike.get(name)) for name, seen in sorted(_scored(alive))]

    def samples(self, newest: int = SAMPLES_KEPT) -> list[Sample]:
        """How the API was used in the newest of the minutes of the last day in which workers ran, the oldest first."""
        now = self._connection.now()
        found = map(Sample.parse, self._read("LRANGE", self._keys.samples, -newest, -1))
        by_time = {sample.at.timestamp() * 1000: sample for sample in found}  # of a clock set back: the later word
        return [sample for at, sample in sorted(by_time.items()) if now - SAMPLES_KEPT * SAMPLE_MS <= at <= now]

    def pauses(self) -> list[Pause]:
        """The pauses, with the reason of each."""
        found = self._read("HGETALL", self._keys.pauses)
        return [Pause.parse(cause, text) for cause, text in found.items()]

    def provider(self) -> Provider:
        """How the API is used at present."""
        keys = self._keys
        state, refused = self._connection.read_all([("HGETALL", keys.state), ("HGET", keys.accused, "status")])
        return Provider.parse(state, refused)

    def learned(self, kind: str) -> dict[int, float]:
        """What is known of how long a kind of work takes: a histogram (see ``polling``)."""
        found = self._read("HGETALL", self._keys.learned(kind))
        return {int(field): float(value) for field, value in found.items()}

    def kinds(self, newest: int = 10) -> list[str]:
        """The kinds of work of which results were seen last."""
        return list(self._read("ZREVRANGE", self._keys.kinds, 0, newest - 1))

    def queued(self) -> int:
        """How many edits can be submitted now; edits that wait for a retry (in ``due``) are not counted."""
        return int(self._read("ZCARD", self._keys.ready))

    def figures(self) -> Figures:
        """The installation in numbers."""
        return read_figures(self._connection)

    def price(self) -> Price | None:
        """What an image costs; None where nobody has said."""
        return price_of(*self._read(*self._priced))

    def days(self, newest: int = 1) -> list[DayMoney]:
        """What the submits of the newest days (UTC) cost, today first; empty where there is no price."""
        today = datetime.fromtimestamp(self._connection.now() / 1000, UTC).date()
        days = [today - timedelta(days=n) for n in range(newest)]
        keys = [self._keys.money(day.isoformat()) for day in days]
        priced, *sums = self._connection.read_all([self._priced, *(("HGETALL", key) for key in keys)])
        price = price_of(*priced)
        if price is None:
            return []
        return [DayMoney.parse(day, raw, price.currency) for day, raw in zip(days, sums, strict=True)]

    @property
    def _priced(self) -> tuple[str, ...]:
        return ("HMGET", self._keys.state, "price", "currency")

    def origin(self) -> Origin:
        """What events have of this installation in their ids and their source."""
        deployment, named_from = self._read("HMGET", self._keys.state, "deployment", "named_from")
        return Origin(deployment or "new", named_from or "0-0")

    # --- batches and edits -----------------------------------------------------------------------

    def batches(self, newest: int = 50) -> list[BatchView]:
        """The newest batches, newest first."""
        return list(islice(self.all_batches(), newest))

    def all_batches(self, *, prefix: str = "", before: tuple[int, str] | None = None) -> Iterator[BatchView]:
        """All batches whose names begin so, newest first, read page by page.

        ``before``: only those that come after one which was created at this time (ms) and has this name, whether that
        is there still or not.
        """
        first, newest = 0, "+inf" if before is None else before[0]
        page = ("LIMIT", first, BATCHES_AT_ONCE)
        while found := self._read("ZREVRANGEBYSCORE", self._keys.batches, newest, "-inf", *page):
            names = [name for name in found if name.startswith(prefix)]
            *raw, priced = self._connection.read_all(
                [*(("HGETALL", self._keys.batch(name)) for name in names), self._priced]
            )
            views = (BatchView.parse(name, one, price_of(*priced)) for name, one in zip(names, raw, strict=True) if one)
            yield from (view for view in views if before is None or view.place < before)
            first += BATCHES_AT_ONCE
            page = ("LIMIT", first, BATCHES_AT_ONCE)

    def batch(self, batch: str) -> BatchView | None:
        """One batch, or None if there is none of that name."""
        raw, priced = self._connection.read_all([("HGETALL", self._keys.batch(batch)), self._priced])
        return BatchView.parse(batch, raw, price_of(*priced)) if raw else None

    def next_view(self, batch: str, within_s: float) -> BatchView | None:
        """The same, after so many seconds."""
        time.sleep(within_s)
        return self.batch(batch)

    def edit(self, batch: str, custom_id: str) -> EditView | None:
        """One edit, or None."""
        edit_id, keys = f"{batch}/{custom_id}", self._keys
        raw, parameters, (defaults, paused), result, due, rank, lost_ms, outage = self._connection.read_all(
            [
                ("HGETALL", keys.edit(edit_id)),
                ("HGET", keys.edits(batch), custom_id),
                ("HMGET", keys.batch(batch), "defaults", "paused"),
                ("HGET", keys.results(batch), custom_id),
                ("ZSCORE", keys.due, edit_id),
                ("ZRANK", keys.ready, edit_id),
                ("HGET", keys.state, "outage_ms"),
                ("HGET", keys.pauses, f"status:{PauseCause.OUTAGE}"),
            ]
        )
        if not raw:
            return None
        made_with = json.loads(defaults or "{}"), json.loads(parameters or "{}")
        return EditView(
            batch=batch,
            custom_id=custom_id,
            place=self._place(batch, custom_id, raw.get("at")),
            state=EditState(raw["state"]),
            parameters=parameters_of(*made_with),
            submits=int(raw.get("submits", 0)),
            duplicate="duplicate" in raw,
            provider_id=raw.get("provider_id"),
            holder=raw.get("holder"),
            note=raw.get("note"),
            polls=int(raw.get("polls", 0)),
            submitted_at=instant(raw.get("submitted_at")),
            deadline=self._deadline(raw.get("deadline"), int(lost_ms or 0), outage),
            due_at=instant(due),
            before_it=rank,
            result=present(json.loads(result), *made_with) if result else None,
            strikes=int(raw.get("strikes", 0)),
            asked="asked" in raw,
            batch_paused=BatchPauseView.parse_all(paused),
        )

    def _place(self, batch: str, custom_id: str, at: str | None) -> int | None:
        """Where an edit is in its batch's order; one that an older program enqueued does not say it."""
        place = self._connection.read("LPOS", self._keys.order(batch), custom_id) if at is None else at
        return None if place is None else int(place)

    def history(self, batch: str, custom_id: str) -> list[HistoryStep] | None:
        """What was done about an edit, the oldest first; empty if that is not kept; None: there is no such edit."""
        key = self._keys.edit(f"{batch}/{custom_id}")
        (state, *parts), names, senders = self._connection.read_all(
            [
                ("HMGET", key, "state", "h0", "h1", "h2", "h3"),
                ("HGETALL", self._keys.names(batch)),
                ("HGET", self._keys.batch(batch), "senders"),
            ]
        )
        return history("".join(filter(None, parts)), names, json.loads(senders or "[]")) if state else None

    def _deadline(self, stored: str | None, lost_ms: int, outage: str | None) -> datetime | None:
        """A stored deadline is on a clock that stands still during outages."""
        if stored is None:
            return None
        if outage:
            lost_ms += self._connection.now() - int(json.loads(outage)["since"])
        return instant(int(stored) + lost_ms)

    def results(self, batch: str) -> Iterator[dict[str, Any]]:
        """The results of the edits that have ended, in the batch's order; read page by page."""
        for first in count(0, PAGE):
            page = self.results_page(batch, first)
            if page is None:
                return
            yield from page

    def results_page(self, batch: str, first: int) -> list[dict[str, Any]] | None:
        """Those among the PAGE edits from place ``first`` of the batch's order on; None behind the last edit.

        For who reads on after an outage, which would end ``results``.
        """
        ids = self._page(batch, first)
        return self.results_of(batch, ids) if ids else None

    def results_of(self, batch: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Those of the edits with these custom ids that have ended, in this order."""
        keys = self._keys
        stored, own, defaults = self._connection.read_all(
            [
                ("HMGET", keys.results(batch), *ids),
                ("HMGET", keys.edits(batch), *ids),
                ("HGET", keys.batch(batch), "defaults"),
            ]
        )
        made_with = json.loads(defaults or "{}")
        pairs = zip(stored, own, strict=True)
        return [present(json.loads(result), made_with, json.loads(one or "{}")) for result, one in pairs if result]

    def made(self, batch: str, custom_ids: Sequence[str] | None = None) -> Iterator[Made]:
        """The edits of a batch, or those of these ids that it has, with what they were made of; read page by page."""
        keys = self._keys
        defaults = json.loads(self._read("HGET", keys.batch(batch), "defaults") or "{}")
        first = 0
        while page := self._page(batch, first) if custom_ids is None else custom_ids[first : first + PAGE]:
            found = self._connection.read_all([("HMGET", key(batch), *page) for key in (keys.edits, keys.results)])
            for custom_id, own, result in zip(page, *found, strict=True):
                if own is not None:
                    yield Made(custom_id, *made_of(defaults, json.loads(own)), json.loads(result) if result else None)
            first += PAGE

    def places_alike(self, batch: str, custom_id: str) -> list[int]:
        """The places of the edits of a batch that are made of the same picture as this one; read page by page."""
        keys, found = self._keys, list[int]()
        own, defaults = self._connection.read_all(
            [("HGET", keys.edits(batch), custom_id), ("HGET", keys.batch(batch), "defaults")]
        )
        made_with = json.loads(defaults or "{}")
        wanted = parameters_of(made_with, json.loads(own or "{}")).get("init_image")
        for first in count(0, PAGE):
            if own is None or not (page := self._page(batch, first)):
                return found
            for place, text in enumerate(self._read("HMGET", keys.edits(batch), *page), first):
                if text and parameters_of(made_with, json.loads(text)).get("init_image") == wanted:
                    found.append(place)
        return found

    def _page(self, batch: str, first: int) -> Sequence[str]:
        page: Sequence[str] = self._read("LRANGE", self._keys.order(batch), first, first + PAGE - 1)
        return page

    # --- events ----------------------------------------------------------------------------------

    def events(self, after: str = "0-0", *, block_ms: int | None = None) -> list[Event]:
        """Up to PAGE events after the stream id ``after``; with ``block_ms``, waits that long for the first."""
        wait = () if block_ms is None else ("BLOCK", block_ms)
        answer = self._read("XREAD", "COUNT", PAGE, *wait, "STREAMS", self._keys.events, after)
        return [Event.parse(i, raw) for _, entries in answer or [] for i, raw in entries]

    def pending(self, claims: Sequence[Claim]) -> list[Pending]:
        """What is to be delivered by these claims."""
        keys, of_batches = self._keys, [claim.sink.removeprefix(NOTIFY_PREFIX) for claim in claims]
        found = self._connection.read_all(
            command
            for claim, batch in zip(claims, of_batches, strict=True)
            for command in (
                ("XRANGE", keys.events, claim.stream_id, claim.stream_id),
                ("HGET", keys.delivery(claim.member), "tries"),
                ("HGET", keys.notify, batch),
            )
        )
        return [
            Pending(
                Event.parse(*entries[0]) if entries else None,
                int(tries or 0),
                json.loads(own)["url"] if own and claim.sink.startswith(NOTIFY_PREFIX) else None,
            )
            for claim, entries, tries, own in zip(claims, found[::3], found[1::3], found[2::3], strict=True)
        ]

    def newest_event(self) -> str:
        """The stream id of the newest event; ``0-0`` if there is none."""
        found = self._read("XREVRANGE", self._keys.events, "+", "-", "COUNT", 1)
        return str(found[0][0]) if found else "0-0"

    def sinks(self) -> list[Sink]:
        """Where all events are delivered, or were until lately, by name."""
        return self._sinks(self._read("HGETALL", self._keys.sinks))

    def batch_sinks(self, batch: str | None = None) -> list[Sink]:
        """The sinks of batches' own, or that of one batch, if it has one."""
        keys = self._keys
        if batch is None:
            found = self._read("HGETALL", keys.notify)
        else:
            own = self._read("HGET", keys.notify, batch)
            found = {batch: own} if own else {}
        return self._sinks({notify_sink(name): text for name, text in found.items()})

    def _sinks(self, found: Mapping[str, str]) -> list[Sink]:
        live_since = self._connection.now() - WORKER_SEEN_MS
        keys = [key(name) for name in sorted(found) for key in (self._keys.outbox, self._keys.undelivered)]
        counts = self._connection.read_all(("ZCARD", key) for key in keys)
        return [
            Sink.parse(name, found[name], counts[2 * place : 2 * place + 2], live_since)
            for place, name in enumerate(sorted(found))
        ]

    def undelivered(self, sink: Sink) -> Iterator[Undelivered]:
        """The events that a sink has not taken, the oldest first, read page by page.

        Those that were never tried are among them if the sink is gone, or no live worker has it.
        """
        after = "0"
        while page := self._tried(sink, after):
            yield from self._deliveries(sink, page)
            after = event_place(page[-1])
        if sink.gone or not sink.live:
            yield from self._untried(sink)

    def _tried(self, sink: Sink, after: str) -> list[str]:
        key = self._keys.undelivered(sink.name)
        return list(self._read("ZRANGEBYSCORE", key, f"({after}", "+inf", "LIMIT", 0, PAGE))

    def _untried(self, sink: Sink) -> Iterator[Undelivered]:
        first = 0
        while page := self._read("ZRANGE", self._keys.outbox(sink.name), first, first + PAGE - 1):
            yield from (delivery for delivery in self._deliveries(sink, page) if delivery.since is None)
            first += PAGE

    def _deliveries(self, sink: Sink, members: Sequence[str]) -> Iterator[Undelivered]:
        """Read deliveries; without those whose events are trimmed."""
        keys, events = self._keys, [member.partition("/")[2] for member in members]
        hashes = self._connection.read_all(("HGETALL", keys.delivery(member)) for member in members)
        times = self._connection.read_all(("ZSCORE", keys.outbox(sink.name), member) for member in members)
        found = self._connection.read_all(("XRANGE", keys.events, event, event) for event in events)
        for raw, at, entries in zip(hashes, times, found, strict=True):
            if entries:
                yield Undelivered.parse(sink, Event.parse(*entries[0]), raw, at)
