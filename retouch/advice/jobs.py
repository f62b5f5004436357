"""What to do about a job that nobody goes on with."""

from __future__ import annotations

from retouch.ledger import Job


def left_hint(job: Job) -> str:
    """Since when, and what ends it; empty: somebody goes on with it, or it has ended."""
    if job.left_since is None:
        return ""
    since = job.left_since.isoformat(timespec="seconds")
    return (
        f"nobody has gone on with job {job.id} of batch {job.batch} since {since}: workers and gateways do, so start"
        f" one (celery -A workers worker), or read its log (jobs.held_up). To give it up: retouch jobs --stop {job.id}"
    )
