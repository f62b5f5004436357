"""``retouch jobs``: what is being done to many edits at once, and how to stop it."""

from __future__ import annotations

from typing import Annotated

import typer

from retouch.advice.jobs import left_hint
from retouch.cli.options import Json, RedisUrl, complete_batch, open_queue
from retouch.cli.terminal import emit, printable, say
from retouch.environment import DEFAULT_REDIS_URL
from retouch.errors import InputError
from retouch.ledger import Job, JobState
from retouch.plural import count
from retouch.records.jobs import JobsRecord

_DONE = {"retry": "tried again", "anew": "submitted again", "cancel": "cancelled"}


def jobs(
    batch: Annotated[
        str,
        typer.Argument(
            metavar="[BATCH]",
            show_default=False,
            help="Only those of one batch.",
            autocompletion=complete_batch,
        ),
    ] = "",
    stop: Annotated[
        str, typer.Option("--stop", metavar="JOB", show_default=False, help="Stop this job; what it has done stays.")
    ] = "",
    json_: Json = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """List the retries and cancels of edits, from here or from the page: those at work, and the newest that have ended.

    The newest are first. With --stop one is stopped.

    Examples:
        retouch jobs
        retouch jobs oil
    """
    if stop and batch:
        raise InputError("--stop names the job, so that BATCH says nothing: leave it out")
    queue = open_queue(redis_url)
    if stop:
        _stopped(queue.stop_job(stop), json_)
        return
    found = queue.jobs(batch or None)
    if json_:
        record: JobsRecord = {"jobs": [job.to_json() for job in found]}
        emit(record)
        return
    for job in found:
        typer.echo(printable(job_line(job)))
        if hint := left_hint(job):
            typer.echo(printable(hint))
    if not found:
        typer.echo(f"no job{f' of batch {batch}' if batch else ''} in the last 7 days")


def _stopped(job: Job, json_: bool) -> None:
    if json_:
        record: JobsRecord = {"jobs": [job.to_json()]}
        emit(record)
        return
    if job.state is JobState.STOPPED:
        say(f"job {job.id} is stopped after {job.done:,} of {count(job.counted, 'edit')}; what is done stays")
    else:
        say(f"job {job.id} is not at work: {job_line(job)}")


def job_line(job: Job) -> str:
    """One job: what it does to how many edits of which batch, how far it is, and who has started it."""
    far = f"{job.changed:,} of {count(job.counted, 'edit')} {_DONE[job.action]}"
    skipped = f", {job.skipped:,} skipped, since they had changed" if job.skipped else ""
    by = f" (by {job.by})" if job.by else ""
    at = (job.ended or job.started or job.created).isoformat(timespec="seconds")
    return f"{job.id}  {at}  {job.state.value:<7}  {job.batch}: {far}{skipped}{by}"
