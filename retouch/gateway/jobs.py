"""Jobs over HTTP: the part of ``retouch.ledger.Jobs`` that a gateway offers."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, cast

from retouch.errors import InputError
from retouch.gateway.client import AbsentError, Client, understood
from retouch.ledger import Action, Job, JobState, Which
from retouch.ledger.jobs import OnProgress
from retouch.records.jobs import JobRecord

COUNT_S = 600.0  # a batch may have a million edits
LOOK_S, LOOK_MAX_S = 0.05, 1.0  # between two looks at a job; each is twice as long as the one before


class GatewayJobs:
    """Counts, starts and stops jobs through a gateway, which does their pages; raises what ``Client`` raises."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @understood()
    def count(
        self,
        batch: str,
        action: Action,
        which: Which,
        *,
        by: str = "",  # noqa: ARG002 - its key says it
        at_once: bool = False,
    ) -> Job | None:
        """Count what a job would do, and change nothing; None: there is no such batch. ``at_once``: as in Redis."""
        body: dict[str, Any] = {"action": action, "states": [state.value for state in which.states], "at_once": at_once}
        if which.groups:
            body["groups"] = list(which.groups)
        if which.custom_ids:
            body["custom_ids"] = list(which.custom_ids)
        with suppress(AbsentError):
            path = f"/v1/batches/{batch}/jobs"
            return _job(self._client.json("POST", path, json=body, answer_s=COUNT_S))
        return None

    def start(self, id: str) -> JobState | None:
        """Start a job that was counted, once; returns its state, None: there is none."""
        return self._changed(id, "start")

    def run(self, id: str, on_progress: OnProgress | None = None) -> Job | None:
        """Start a job that was counted, and wait until the gateway has done it; None: there is none, or it is gone."""
        if self.start(id) is None:
            return None
        wait_s = LOOK_S
        while job := self.job(id):
            if on_progress:
                on_progress(job.done, job.counted)
            if job.state is not JobState.RUNNING:
                break
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, LOOK_MAX_S)
        return job

    def stop(self, id: str) -> JobState | None:
        """Stop a job; returns its state, None: there is none."""
        return self._changed(id, "stop")

    @understood()
    def job(self, id: str) -> Job | None:
        """One job; None if there is none that the key may know of."""
        with suppress(AbsentError):
            return _job(self._client.json("GET", f"/v1/jobs/{_checked(id)}"))
        return None

    @understood()
    def of_batch(self, batch: str) -> list[Job]:
        """The jobs of a batch that were started, the newest first."""
        return [_job(one) for one in self._client.json("GET", f"/v1/batches/{batch}/jobs")["jobs"]]

    @understood()
    def recent(self, *, prefix: str = "") -> list[Job]:  # noqa: ARG002 - its key has one
        """The jobs that are at work, and those that were lately, of the batches that the key may know of."""
        return [_job(one) for one in self._client.json("GET", "/v1/jobs")["jobs"]]

    @understood()
    def _changed(self, id: str, change: str) -> JobState | None:
        with suppress(AbsentError):
            return JobState(self._client.json("POST", f"/v1/jobs/{_checked(id)}/{change}")["state"])
        return None


def _job(answer: dict[str, Any]) -> Job:
    return Job.from_json(cast(JobRecord, answer))


def _checked(id: str) -> str:
    """An id that may stand in a path."""
    if not (id.isascii() and id.isalnum()):
        raise InputError(f"{id[:40]!r} is no job's id: retouch jobs lists them")
    return id
