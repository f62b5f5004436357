"""What is done to many edits of a batch: counted first, started by a person, and stopped again."""

from __future__ import annotations

from collections.abc import Iterable

from retouch.batch_reader import BatchReader
from retouch.errors import InputError
from retouch.ledger import Action, Job, JobState, Which, check_group
from retouch.ledger.jobs import OnProgress
from retouch.senders import this_user
from retouch.states import EditState


class BatchJobs(BatchReader):
    """Jobs: they are done page by page, by a gateway or by whoever asks for a page."""

    _sender = ""  # who decides, where nobody else is named

    def count_job(
        self,
        batch: str,
        action: Action,
        states: Iterable[EditState | str] | None = None,
        *,
        groups: Iterable[int] = (),
        custom_ids: Iterable[str] = (),
        by: str = "",
        at_once: bool = False,
    ) -> Job:
        """Count what a job would do to a batch, and what that costs; no edit is changed before ``start_job``.

        ``action``: ``"retry"``, where the API is asked first about what it took, ``"anew"``, or ``"cancel"``.
        ``states``: of its edits; by default the failed ones, or for a cancel those that are queued or held. ``groups``:
        those alone that are in these groups of ``failures``; ``custom_ids``: those of these names alone (at most
        10,000). ``by``: who decides, where Redis is used; by default the queue's sender, or this user and host.
        ``at_once``: you start it next; if all that waits is cancelled, who still writes to the batch is refused from
        now on. Raises InputError if there is no such batch or edit, or edits in such a state cannot be changed so.
        """
        which = Which.of(action, states, map(check_group, groups), custom_ids)
        self.status(batch)
        with self._reach():
            job = self._way.jobs.count(batch, action, which, by=by or self._sender or this_user(), at_once=at_once)
        if job is None:
            self.status(batch)
            raise InputError(f"batch {batch} was removed while its edits were counted")
        return job

    def start_job(self, job: str) -> Job:
        """Start a job that was counted in the last 15 minutes; the same again changes nothing. Returns it as it is now.

        It is done to the edits that were counted alone: one that has changed since is skipped. A gateway, or
        ``run_job``, does it page by page. Raises InputError if there is no such job, or its batch is gone.
        """
        with self._reach():
            started = self._way.jobs.start(job)
        if started is None:
            raise _not_counted(job)
        return self.job(job)

    def do_job(self, job: str, on_progress: OnProgress | None = None) -> Job:
        """Start a job that was counted, and wait until it is done, or somebody stops it; returns it as it ended.

        ``on_progress`` is called with how many of its edits were dealt with, of how many. Where Redis is used, this
        process does its pages, and if that dies workers and gateways do the rest; else the gateway does all of it.
        Raises InputError if there is no such job, or its batch is gone.
        """
        with self._reach():
            ended = self._way.jobs.run(job, on_progress)
        if ended is None:
            raise _not_counted(job)
        return ended

    def run_job(self, job: str) -> bool:
        """Do the next page of a job, a few edits at a time; False: there is no more to do. Needs Redis."""
        with self._reach():
            return self._ledger.jobs.advance(job).state is JobState.RUNNING

    def stop_job(self, job: str) -> Job:
        """Stop a job: what it has done stays. Returns it as it is now; raises InputError if there is no such job."""
        with self._reach():
            self._way.jobs.stop(job)
        return self.job(job)

    def job(self, job: str) -> Job:
        """How far a job is; raises InputError if there is none of this id (``Job.id``)."""
        found = self.find_job(job)
        if found is None:
            raise InputError(
                f"there is no job {job[:40]!r}: jobs stay for 7 days after their end, or as long as their batch"
            )
        return found

    def find_job(self, job: str) -> Job | None:
        """The same as ``job``, and None if there is none."""
        with self._reach():
            return self._way.jobs.job(job)

    def jobs(self, batch: str | None = None, *, prefix: str = "") -> list[Job]:
        """The jobs that are at work or were lately, of one batch or of all; the newest first, 50 or as many as work.

        They stay for 7 days after their end, or as long as their batch. ``prefix``: only of batches whose ids begin so,
        where Redis is used. Raises InputError if there is no such batch.
        """
        if batch is not None:
            self.status(batch)
        with self._reach():
            return self._way.jobs.recent(prefix=prefix) if batch is None else self._way.jobs.of_batch(batch)


def _not_counted(job: str) -> InputError:
    return InputError(
        f"there is no job {job[:40]!r} that can be started: one that was counted is kept for 15 minutes, and goes with"
        " its batch; count again"
    )
