"""What the ledger knows of a whole installation in numbers, read in three requests however many batches there are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retouch.ledger.connection import Connection
from retouch.ledger.keys import Keys
from retouch.ledger.money import price_of
from retouch.ledger.views import Pause, Provider
from retouch.ledger.worker import WORKER_SEEN_MS
from retouch.price import Price

KINDS = 10  # kinds of work whose times are read, of those that were seen last
HALTED = 100  # paused batches whose queued edits are counted, the oldest first


@dataclass(frozen=True, slots=True)
class SinkFigures:
    """One sink. ``oldest_ms``: when the oldest event came about that it has not taken; None: it has taken all."""

    name: str
    delivered: int
    waiting: int
    undelivered: int
    held: bool
    oldest_ms: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """An installation at one time, ``now_ms``.

    ``counts``: the sums over all batches (see ``keys.py``), kept since ``counted_since_ms`` (None: there are none yet).
    ``backlog_batches`` and ``halted_batches`` have queued edits, the latter are paused; ``backlog_since_ms``: since
    when the first of the former has some without a break. ``halted_edits``: queued edits of paused batches. ``price``:
    of an image. ``batch_sinks``: how many batches have events for a sink of their own that are to be delivered.
    ``settings``: of each live worker, those that all must have alike. ``learned``: a histogram for each of the newest
    kinds of work.
    """

    now_ms: int
    counts: Mapping[str, int]
    counted_since_ms: int | None
    batches: int
    backlog_batches: int
    backlog_since_ms: int | None
    halted_batches: int
    halted_edits: int
    provider: Provider
    price: Price | None
    pauses: Sequence[Pause]
    workers: int
    settings: Sequence[Mapping[str, str]]
    sinks: Sequence[SinkFigures]
    batch_sinks: int
    learned: Mapping[str, Mapping[int, float]]

    def edits(self, *states: str) -> int:
        """How many edits are in these states."""
        return sum(self.counts.get(f"n:{state}", 0) for state in states)

    def summed(self, what: str) -> dict[tuple[str, ...], int]:
        """Sums of one sort by what they are counted by: ``ended`` → ``(outcome, code)``, ``submit`` → ``(code,)``."""
        named = [(name.split(":"), n) for name, n in self.counts.items()]
        return {tuple(by): n for (sort, *by), n in named if sort == what}


def read_figures(connection: Connection) -> Figures:
    """Read all of it; nothing is changed."""
    keys, now = connection.keys, connection.now()
    counts, batches, backlog, halted, state, pauses, alive, settings, sinks, own, kinds, refused = connection.read_all(
        [
            ("HGETALL", keys.counts),
            ("ZCARD", keys.batches),
            ("ZCARD", keys.backlog),
            ("ZCARD", keys.halted),
            ("HGETALL", keys.state),
            ("HGETALL", keys.pauses),
            ("ZRANGEBYSCORE", keys.workers, now - WORKER_SEEN_MS, "+inf"),
            ("HGETALL", keys.settings),
            ("HGETALL", keys.sinks),
            ("ZCARD", keys.notifying),
            ("ZREVRANGE", keys.kinds, 0, KINDS - 1),
            ("HGET", keys.accused, "status"),
        ]
    )
    names = sorted(sinks)
    first, paused, *more = connection.read_all(
        [
            ("ZRANGE", keys.backlog, 0, 0),
            ("ZRANGE", keys.halted, 0, HALTED - 1),
            *(("HGETALL", keys.learned(kind)) for kind in kinds),
            *(command for name in names for command in _of_sink(keys, name)),
        ]
    )
    learned, of_sinks = more[: len(kinds)], [more[at : at + 4] for at in range(len(kinds), len(more), 4)]
    tried = [found[3][:1] for found in of_sinks]
    backlog_since, *rest = connection.read_all(
        [
            ("ZSCORE", keys.backlog, *(first or [""])),
            *(("ZSCORE", keys.undelivered(name), *(one or [""])) for name, one in zip(names, tried, strict=True)),
            *(("HGET", keys.batch(batch), "n:queued") for batch in paused),
        ]
    )
    tried_since, queued = rest[: len(names)], rest[len(names) :]
    since = counts.pop("since", None)
    return Figures(
        now_ms=now,
        counts={name: int(n) for name, n in counts.items()},
        counted_since_ms=int(since) if since else None,
        batches=batches,
        backlog_batches=backlog,
        backlog_since_ms=_ms(backlog_since),
        halted_batches=halted,
        halted_edits=sum(int(n or 0) for n in queued),
        provider=Provider.parse(state, refused),
        price=price_of(state.get("price"), state.get("currency")),
        pauses=[Pause.parse(name, text) for name, text in pauses.items()],
        workers=len(alive),
        settings=[json.loads(settings[worker]) for worker in alive if worker in settings],
        sinks=[
            _sink(name, sinks[name], found, _ms(since))
            for name, found, since in zip(names, of_sinks, tried_since, strict=True)
        ],
        batch_sinks=own,
        learned={
            kind: {int(field): float(value) for field, value in found.items()}
            for kind, found in zip(kinds, learned, strict=True)
        },
    )


def _of_sink(keys: Keys, name: str) -> Sequence[Sequence[str | float]]:
    outbox, undelivered = keys.outbox(name), keys.undelivered(name)
    return [("ZCARD", outbox), ("ZCARD", undelivered), ("ZRANGE", outbox, 0, 0), ("ZRANGE", undelivered, 0, 0)]


def _sink(name: str, text: str, found: Sequence[Any], tried_since: int | None) -> SinkFigures:
    raw = json.loads(text)
    waiting, undelivered, next_one, _ = found
    told_at = [int(member.rpartition("/")[2].partition("-")[0]) for member in next_one]
    return SinkFigures(
        name=name,
        delivered=int(raw.get("delivered", 0)),
        waiting=waiting,
        undelivered=undelivered,
        held=bool(raw.get("held") or raw.get("gone")),
        oldest_ms=min([*told_at, *([] if tried_since is None else [tried_since])], default=None),
    )


def _ms(score: str | float | None) -> int | None:
    return None if score is None else int(float(score))
