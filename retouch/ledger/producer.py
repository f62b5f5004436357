"""How producers, and people who decide about batches, change the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from retouch.ledger.claims import Entry, Verdict
from retouch.ledger.connection import Connection
from retouch.ledger.constants import PAGE
from retouch.states import EditState

FILL_MS = 30_000  # a batch whose producer writes nothing for this long may finish


class Producer:
    """Fills batches, and cancels or retries their edits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open_batch(self, batch: str, defaults: Mapping[str, Any], weight: float = 1.0) -> dict[str, Any]:
        """Create the batch if it is new, and keep it from finishing while it is filled.

        Returns the batch's defaults: those it was created with, whatever a later producer gives.
        """
        run = self._connection.run
        stored: dict[str, Any] = json.loads(run("open_batch", batch, json.dumps(dict(defaults)), weight, FILL_MS))
        return stored

    def conflicts(self, batch: str, digests: Sequence[tuple[str, str]]) -> list[str]:
        """Return the custom ids that exist in the batch with another digest; changes nothing."""
        key = self._connection.keys.edit
        known = self._connection.read_all(("HGET", key(f"{batch}/{custom_id}"), "digest") for custom_id, _ in digests)
        return [c for (c, digest), k in zip(digests, known, strict=True) if k is not None and k != digest]

    def enqueue(self, batch: str, entries: Sequence[Entry]) -> list[Verdict]:
        """Add up to PAGE entries to an open batch in one move; those that exist already are not changed."""
        args: list[str | int] = []
        for e in entries:
            args += (e.custom_id, e.digest, e.parameters, e.samples, "" if e.seed is None else e.seed)
        return [Verdict(v) for v in self._connection.run("enqueue", batch, FILL_MS, *args)]

    def seal(self, batch: str) -> None:
        """Mark the batch as complete: it may finish as soon as its edits have ended."""
        self._connection.run("seal", batch)

    def wait_for_disk(self, timeout_ms: int = 2500) -> bool:
        """Wait until what was written is on the server's disk; False if the server cannot confirm that."""
        return self._connection.wait_for_disk(timeout_ms)

    def cancel(self, batch: str, states: Iterable[EditState] = (EditState.QUEUED, EditState.HELD)) -> int:
        """Cancel the batch's edits in these states; returns how many.

        Edits at the API are paid for: they are finished and kept. With QUEUED among the states the batch is
        marked, so that an edit that comes back without being sent is cancelled too.
        """
        states = set(states)
        if EditState.QUEUED in states:
            states.add(EditState.SUBMITTING)  # claimed, but its intent is not written yet
        return self._change(batch, "cancel", states)

    def retry(self, batch: str, states: Iterable[EditState] = (EditState.FAILED,)) -> int:
        """Put the batch's edits in these states (failed, cancelled or held) back into the queue; returns how many."""
        return self._change(batch, "retry", set(states))

    def _change(self, batch: str, action: str, states: set[EditState]) -> int:
        first = total = 0
        while True:
            page, changed = self._connection.run("change", batch, action, ",".join(states), first, first + PAGE - 1)
            total += int(changed)
            first += PAGE
            if page < PAGE:
                return total
