"""Edits are cancelled, or tried again, while the caller waits: by a job, in Redis or at a gateway."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from retouch.ledger.jobs import Action, Job, OnProgress, Which
from retouch.states import EditState


class Retried(NamedTuple):
    """How many edits a retry took up: about ``asked`` the API is asked first, ``sent`` are submitted again."""

    asked: int
    sent: int


class JobsThere(Protocol):
    """Where jobs are counted and done."""

    def count(self, batch: str, action: Action, which: Which, *, by: str = "", at_once: bool = False) -> Job | None:
        """Count what a job would do."""

    def run(self, id: str, on_progress: OnProgress | None = None) -> Job | None:
        """Have all of it done."""

    def stop(self, id: str) -> object:
        """Do no more of it."""


class Deciding:
    """Cancels and retries edits of batches: each is a job, which is stopped if the caller is."""

    def __init__(self, jobs: JobsThere) -> None:
        self._jobs = jobs

    def cancel(
        self,
        batch: str,
        states: Iterable[EditState] = (EditState.QUEUED, EditState.HELD),
        *,
        on_progress: OnProgress | None = None,
    ) -> int:
        """Cancel the batch's edits in these states; returns how many.

        Edits at the API are paid for: they are finished and kept. With QUEUED among the states the batch is
        marked and sealed: an edit that comes back without being sent is cancelled too, one that was sent and not
        answered is not sent again, and a producer that is still writing is refused.
        """
        return self._change(batch, "cancel", Which(tuple(states)), on_progress)[0]

    def retry(
        self,
        batch: str,
        states: Iterable[EditState] = (EditState.FAILED,),
        *,
        anew: bool = False,
        group: int | None = None,
        on_progress: OnProgress | None = None,
    ) -> Retried:
        """Try the batch's edits in these states (failed, cancelled or held) again.

        Where the API took an edit and may still have its result, it is asked first; ``anew``: all are submitted again.
        ``group``: those alone that are in this group of failures.
        """
        which = Which(tuple(states), () if group is None else (group,))
        changed, asked = self._change(batch, "anew" if anew else "retry", which, on_progress)
        return Retried(asked, changed - asked)

    def _change(self, batch: str, action: Action, which: Which, on_progress: OnProgress | None) -> tuple[int, int]:
        """Do it; returns how many were changed, and are asked about."""
        job = self._jobs.count(batch, action, which, at_once=True)
        if job is None or not job.counted:
            return 0, 0
        try:
            ended = self._jobs.run(job.id, on_progress) or job
        except KeyboardInterrupt:
            self._jobs.stop(job.id)
            raise
        return ended.changed, ended.asked
