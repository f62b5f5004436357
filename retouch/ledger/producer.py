"""How producers, and people who decide about batches, change the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from retouch.causes import BatchPause, PauseCause
from retouch.errors import InputError
from retouch.ledger.claims import Entry, Verdict
from retouch.ledger.connection import Connection
from retouch.ledger.constants import PAGE, WEIGHT_MAX, WEIGHT_MIN
from retouch.ledger.deciding import Deciding
from retouch.ledger.jobs import Jobs
from retouch.ledger.sinks import types_text
from retouch.ledger.worker import WORKER_SEEN_MS
from retouch.price import Budget, Price


class Opened(NamedTuple):
    """A batch as a producer finds it: ``defaults`` is None if there is none yet, ``cancelled`` empty if it is not.

    ``max_failures``: as it was given; empty if nobody has said how many of its edits may fail. ``budget``: the same, in
    micro-units.
    """

    defaults: dict[str, Any] | None
    cancelled: str
    max_failures: str
    budget: str = ""


def check_weight(weight: float) -> float:
    """Return the weight of a batch; raises InputError unless it is a number from WEIGHT_MIN to WEIGHT_MAX."""
    if not isinstance(weight, int | float) or isinstance(weight, bool) or not WEIGHT_MIN <= weight <= WEIGHT_MAX:
        raise InputError(f"weight must be a number from {WEIGHT_MIN:g} to {WEIGHT_MAX:g}, not {weight!r:.40}")
    return weight


class Producer(Deciding):
    """Fills, pauses and resumes batches, and cancels or retries their edits."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(Jobs(connection))
        self._connection = connection

    def open_batch(self, batch: str) -> Opened:
        """Look at a batch that is to be written to; changes nothing that anybody sees."""
        defaults, cancelled, *given = self._connection.run("open_batch", batch)
        return Opened(dict(json.loads(defaults)) if defaults else None, cancelled, *given)

    def conflicts(self, batch: str, digests: Sequence[tuple[str, str]]) -> list[str]:
        """Return the custom ids that exist in the batch with another digest; changes nothing."""
        key = self._connection.keys.edit
        known = self._connection.read_all(("HGET", key(f"{batch}/{custom_id}"), "digest") for custom_id, _ in digests)
        return [c for (c, digest), k in zip(digests, known, strict=True) if k is not None and k != digest]

    def enqueue(
        self,
        batch: str,
        entries: Sequence[Entry],
        defaults: Mapping[str, Any] | None = None,
        weight: float = 1.0,
        *,
        producer: str = "one",
        cancelled: str = "",
        origin: Mapping[str, Any] | None = None,
        max_failures: str = "",
        budget: Budget | None = None,
        sender: str = "",
        held: str = "",
    ) -> list[Verdict]:
        """Add up to PAGE entries to a batch in one move; those that exist already are not changed.

        The batch is made with its first entries, with ``defaults``, ``weight`` and ``origin``; it does not end before
        ``producer`` has sealed it. Without entries, the producer says that it is there still. ``cancelled``: as it was
        opened. ``max_failures`` (``10``, ``1%``) and ``budget`` bind a batch that has none. ``sender``: whose edits
        they are, for people. ``held``: none of its edits is submitted before ``release``, for this reason. Raises
        BatchCancelledError if a person has cancelled it since it was opened, BatchDefaultsError if it has other
        defaults, or another origin than the one given, BatchLimitError if it has another ``max_failures``,
        BatchBudgetError if it was given another ``budget``, and InputError unless ``weight`` is within its bounds, and
        for a budget where there is no price, or in another currency; nothing was added then.
        """
        check_weight(weight)
        args: list[str | float] = []
        for e in entries:
            args += (e.custom_id, e.digest, e.parameters, e.samples, "" if e.seed is None else e.seed)
        made_with = json.dumps(dict(defaults or {}))
        made_from = json.dumps(dict(origin)) if origin else ""
        given = (max_failures, *((budget.micros, budget.currency) if budget else ("", "")), sender)
        args = [batch, producer, cancelled, made_with, weight, made_from, *given, *args]
        if held:
            hold = ("pause_batch", batch, BatchPause.ARRIVING, held)
            answer = self._connection.run_together(("enqueue", *args), hold)[0]
        else:
            answer = self._connection.run("enqueue", *args)
        return [Verdict(v) for v in answer]

    def seal(self, batch: str, producer: str = "") -> bool:
        """Let the batch end as soon as its edits have ended, unless another producer than this one writes still.

        Without ``producer`` whoever writes. True if it may end now, and might not before. Without a batch, nothing.
        """
        return int(self._connection.run("seal", batch, producer)) == 1

    def keep_open(self, batch: str, until_ms: int) -> bool:
        """More edits may come until then: it does not end before, unless a person seals it. False: there is no batch.

        Of several such times the latest counts.
        """
        return bool(self._connection.run("keep_open", batch, until_ms))

    def wait_for_disk(self, timeout_ms: int = 2500) -> bool:
        """Wait until what was written is on the server's disk; False if the server cannot confirm that."""
        return self._connection.wait_for_disk(timeout_ms)

    def pause_submits(self, reason: str) -> bool:
        """Submit nothing more, of any batch, until a person resumes it. True if that is new."""
        return int(self._connection.run("pause", f"submit:{PauseCause.PERSON}", reason[:500])) == 1

    def resume_submits(self) -> bool:
        """End the pauses of submits by a person and for refusals. True if there was one."""
        ended = (f"submit:{cause}" for cause in (PauseCause.PERSON, PauseCause.REFUSED))
        return int(self._connection.run("resume", *ended)) > 0

    def pause(self, batch: str, cause: BatchPause, reason: str) -> bool:
        """Submit no more of the batch's edits; polls and copies go on. True if it was not paused for this cause."""
        return int(self._connection.run("pause_batch", batch, cause, reason[:500])) == 1

    def limit_failures(self, batch: str, max_failures: str) -> str:
        """Bind a batch to ``max_failures`` unless it was given another; returns what it was given."""
        return str(self._connection.run("limit_failures", batch, max_failures))

    def set_price(self, price: Price) -> None:
        """Set what an image costs, for all submits that begin from now on.

        Raises InputError for another currency, once amounts were counted in one.
        """
        self._connection.run("set_price", price.micros, price.currency, "")

    def set_budget(self, batch: str, budget: Budget | None) -> bool:
        """Set what a batch may cost, None: any amount; one that was paused for that goes on where its next image fits.

        False: there is no such batch. Raises InputError where there is no price, or for another currency than its.
        """
        given = (budget.micros, budget.currency) if budget else ("", "")
        return int(self._connection.run("set_budget", batch, *given)) == 1

    def resume(self, batch: str, max_failures: str = "") -> bool:
        """Lift all pauses of the batch but that of its budget; its edits are queued where they stood. True if one was.

        One that was paused for its failures has no ``max_failures`` from now on, or this one. Raises BatchLimitError if
        more have failed already than this one allows.
        """
        was_paused, moved = self._connection.run("resume_batch", batch, max_failures, "")
        while moved == PAGE:
            _, moved = self._connection.run("resume_batch", batch, "", "1")
        return bool(was_paused)

    def release(self, batch: str) -> bool:
        """Let the edits of a batch that was held go, unless it is paused for another cause; True if it was held."""
        was_held = False
        while True:
            held, moved = self._connection.run("release_batch", batch)
            was_held = was_held or bool(held)
            if moved < PAGE:
                return was_held

    def redeliver(self, sink: str) -> int:
        """Have what was not delivered to a sink delivered again, now; returns how many events that are.

        What was given up gets a new schedule. A sink that is gone is tried again.
        """
        total, after = 0, "0"
        while after:
            again, after = self._connection.run("redeliver", sink, after)
            total += int(again)
        return total

    def notify(self, batch: str, url: str, shown: str, types: Sequence[str]) -> bool:
        """Give a batch a sink of its own, in place of the one that it may have; False: there is no such batch.

        ``shown``: what people are told of the URL. ``types``: of events, without ``retouch.``.
        """
        return bool(self._connection.run("notify", batch, url, shown, types_text(types)))

    def replay(self, sink: str, since_ms: int) -> int:
        """Have the events since then (ms) that a sink asks for delivered to it again; returns how many that are."""
        total, after = 0, f"{max(since_ms - 1, 0)}-18446744073709551615"
        while after:
            again, after = self._connection.run("replay", sink, after)
            total += int(again)
        return total

    def drop_sink(self, sink: str) -> bool | None:
        """Remove a sink with all that waits for it; False: a live worker has it, None: there is no such sink."""
        return {1: True, -1: False}.get(int(self._connection.run("drop_sink", sink, WORKER_SEEN_MS)))

    def remove(self, batch: str) -> int | None:
        """Remove a page of a batch that has ended; returns how many of its edits are left, None: it has not ended.

        From the first page on it is removed in any case: workers go on where the caller stops.
        """
        left = int(self._connection.run("remove_batch", batch))
        return None if left < 0 else left
