"""Jobs: what is done to many edits of a batch is counted first, then started, and can be stopped."""

from __future__ import annotations

from typing import Annotated, Literal

import structlog
from fastapi import FastAPI, Path
from pydantic import BaseModel, ConfigDict, Field

from retouch.access_keys import AccessKey
from retouch.edit import CUSTOM_ID_PATTERN
from retouch.ledger import OTHER_GROUP, Job
from retouch.records.jobs import JobRecord, JobsRecord
from workers.gateway.context import Gateway
from workers.gateway.native.batches import ONE, BatchId, Operator, Reader, found
from workers.gateway.problems import Kind, ProblemError, described

MOST_NAMED = 1000

JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="The job's id.")]
CustomId = Annotated[str, Field(pattern=rf"^{CUSTOM_ID_PATTERN.pattern}$")]

log = structlog.get_logger()


class JobAsked(BaseModel):
    """What is done, and to which edits of a batch."""

    model_config = ConfigDict(extra="forbid", strict=True)

    action: Literal["retry", "anew", "cancel"] = Field(
        description="`retry`: try them again, the API is asked first about what it took; `anew`: submit all again."
    )
    states: list[Literal["queued", "held", "failed", "cancelled"]] | None = Field(
        None, description="Edits in these states; by default failed ones, or for a cancel those queued or held."
    )
    groups: list[Annotated[int, Field(ge=1, le=OTHER_GROUP)]] = Field(
        [], max_length=OTHER_GROUP, description="Only failed edits of these groups of failures."
    )
    custom_ids: list[CustomId] = Field([], max_length=MOST_NAMED, description="Only edits of these names.")
    at_once: bool = Field(
        False,
        description="You start it next: if all that waits is cancelled, who still writes to the batch is refused from"
        " now on.",
    )


def add_jobs(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""
    queue = gateway.queue
    refused = described(*ONE, Kind.BAD_REQUEST, Kind.TOO_LARGE, Kind.WRONG_TYPE)

    def found_job(key: AccessKey, id: str) -> Job:
        job = queue.find_job(id)
        if job is None or not key.may_name(job.batch):
            detail = f"there is no job {id!r} that this key may know of; one that nobody starts goes after 15 minutes"
            raise ProblemError(Kind.NOT_FOUND, detail)
        return job

    @app.post(
        "/v1/batches/{batch}/jobs",
        status_code=201,
        tags=["decisions"],
        summary="Count what would be done to edits of a batch, and its price; nothing is done before it is started",
        responses=refused,
    )
    def count(batch: BatchId, key: Operator, asked: JobAsked) -> JobRecord:
        found(gateway, key, batch)
        job = queue.count_job(
            batch,
            asked.action,
            asked.states,
            groups=asked.groups,
            custom_ids=asked.custom_ids,
            by=f"key {key.name}",
            at_once=asked.at_once,
        )
        return job.to_json()

    @app.post(
        "/v1/jobs/{job}/start",
        tags=["decisions"],
        summary="Do what was counted, to the edits that were counted; the same again changes nothing",
        responses=described(*ONE),
    )
    def start(job: JobId, key: Operator) -> JobRecord:
        found_job(key, job)
        started = queue.start_job(job)
        gateway.runner.wake()
        log.info(
            "job.started", job=job, batch=started.batch, action=started.action, edits=started.counted, key=key.name
        )
        return started.to_json()

    @app.post(
        "/v1/jobs/{job}/stop",
        tags=["decisions"],
        summary="Stop a job; what it has done stays",
        responses=described(*ONE),
    )
    def stop(job: JobId, key: Operator) -> JobRecord:
        found_job(key, job)
        stopped = queue.stop_job(job)
        log.info("job.stopped", job=job, batch=stopped.batch, edits=stopped.done, key=key.name)
        return stopped.to_json()

    @app.get("/v1/jobs/{job}", tags=["decisions"], summary="How far a job is", responses=described(*ONE))
    def one(job: JobId, key: Reader) -> JobRecord:
        return found_job(key, job).to_json()

    no_batch = described(*(kind for kind in ONE if kind is not Kind.NOT_FOUND))

    summary = "The jobs that are at work, and the newest of those that have ended, the newest first"

    @app.get("/v1/jobs", tags=["decisions"], summary=summary, responses=no_batch)
    def of_all(key: Reader) -> JobsRecord:
        return {"jobs": [job.to_json() for job in queue.jobs(prefix=key.prefix)]}

    @app.get(
        "/v1/batches/{batch}/jobs",
        tags=["decisions"],
        summary="The jobs of a batch that were started, the newest first",
        responses=described(*ONE),
    )
    def of_batch(batch: BatchId, key: Reader) -> JobsRecord:
        found(gateway, key, batch)
        return {"jobs": [job.to_json() for job in queue.jobs(batch)]}
