"""A retry or a cancel, done here or at a gateway: its progress, and what becomes of it when it is interrupted."""

from __future__ import annotations

import typer

from retouch.cli.counting import counting
from retouch.cli.terminal import ExitCode, emit, say
from retouch.errors import RetouchError, ServiceError
from retouch.ledger import Job, JobState
from retouch.plural import count
from retouch.queue import EditQueue
from retouch.records.jobs import JobsRecord
from retouch.signals import exit_code


def do(queue: EditQueue, job: Job, what: str, again: str, *, as_json: bool) -> Job:
    """Have a job done that was counted, and return it as it ended; ``again``: the command that does the rest.

    A signal stops it, and the command ends then; so it does if somebody else has stopped it.
    """
    try:
        with counting(what) as on_progress:
            ended = queue.do_job(job.id, on_progress)
    except KeyboardInterrupt as interrupt:
        _interrupted(queue, job, again, as_json=as_json)
        raise typer.Exit(exit_code(interrupt)) from None
    except ServiceError:
        say(_may_go_on(job))
        raise
    if ended.state is JobState.STOPPED:
        tell(ended, as_json=as_json)
        say(f"somebody has stopped it after {_so_far(ended)}; what is done stays. For the rest: {again}")
        raise typer.Exit(ExitCode.CANCELLED)
    if ended.skipped:
        say(
            f"{count(ended.skipped, 'edit')} had changed meanwhile, and {'is' if ended.skipped == 1 else 'are'} skipped"
        )
    return ended


def tell(job: Job, *, as_json: bool) -> None:
    """Print the job as JSON, where that is asked for."""
    if as_json:
        record: JobsRecord = {"jobs": [job.to_json()]}
        emit(record)


def _interrupted(queue: EditQueue, job: Job, again: str, *, as_json: bool) -> None:
    try:
        stopped = queue.stop_job(job.id)
    except (RetouchError, KeyboardInterrupt):  # there is no answer, or nobody waits for it
        tell(job, as_json=as_json)
        say(f"interrupted. {_may_go_on(job)}")
        return
    tell(stopped, as_json=as_json)
    if stopped.state is JobState.DONE:
        say(f"interrupted when all of it was done: {_so_far(stopped)}")
    else:
        say(f"interrupted after {_so_far(stopped)}; what is done stays. For the rest: {again}")


def _so_far(job: Job) -> str:
    return f"{job.done:,} of {count(job.counted, 'edit')}"


def _may_go_on(job: Job) -> str:
    return (
        f"Job {job.id} may go on without this command: retouch jobs {job.batch} shows how far it is, and"
        f" retouch jobs --stop {job.id} stops it"
    )
