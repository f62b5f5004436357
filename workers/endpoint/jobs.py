"""The accepted edits: which ones wait, which ones are running, and the Idempotency-Key of each."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from workers.endpoint.journal import Journal, Taken
from workers.endpoint.results import Results
from workers.endpoint.submission import Submission

logger = logging.getLogger(__name__)

KEPT = 200_000  # finished edits remembered; an older id is unknown


class State(StrEnum):
    """The contract's status words."""

    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


class QueueFullError(Exception):
    """No more edits may wait."""


class KeyReusedError(Exception):
    """The Idempotency-Key came before with another body."""


class FailedError(Exception):
    """An edit's work ended as a failure; the message is shown to the caller."""


Work = Callable[[Submission], Awaitable[list[bytes]]]


@dataclass(slots=True, eq=False)
class Job:
    """One edit that was taken."""

    submission: Submission
    fingerprint: str
    key: str | None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: State = State.PENDING
    problem: dict[str, Any] | None = None  # what a FAILURE says
    taken_at: float = field(default_factory=time.monotonic)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    token: str | None = None  # what the present result links carry; None: make a new one
    lost: bool = False  # a fault: the id was given out and is not known any more
    doomed: dict[str, Any] | None = None  # a fault: ends as FAILURE saying this
    instant: bool = False  # a fault: the submit itself is answered with the outcome
    links: int | None = None  # a fault: how many links are shown at most


class Jobs:
    """A FIFO queue in front of a number of places, one place an image.

    All moves happen on the event loop, so none needs a lock.
    """

    def __init__(self, work: Work, results: Results, journal: Journal, *, capacity: int, max_queue: int | None) -> None:
        self._work = work
        self._journal = journal
        self._results = results
        self._capacity = capacity
        self._free = capacity
        self._max_queue = max_queue
        self._waiting: deque[Job] = deque()
        self._by_id: dict[str, Job] = {}
        self._by_key: dict[str, Job] = {}
        self._finished: deque[Job] = deque()
        self._running: set[asyncio.Task[None]] = set()

    def get(self, job_id: str) -> Job | None:
        """Return the edit of that id, if it is known; one of before a restart is worked on when it is asked for."""
        job = self._by_id.get(job_id)
        if job is None and (taken := self._journal.of_id(job_id)):
            job = self._take_up(taken)
        return None if job is None or job.lost else job

    def counts(self) -> dict[str, int]:
        """Count what waits, what is worked on and what has finished."""
        return {"waiting": len(self._waiting), "running": len(self._running), "finished": len(self._finished)}

    def submit(self, submission: Submission, fingerprint: str, key: str | None) -> tuple[Job, bool]:
        """Return the edit and whether it is new: a known ``key`` gives the edit that it gave before.

        Raises KeyReusedError, QueueFullError.
        """
        if key is not None and (known := self._of_key(key)) is not None:
            if known.fingerprint != fingerprint:
                raise KeyReusedError
            return known, False
        if self._max_queue is not None and self._must_wait(submission) and len(self._waiting) >= self._max_queue:
            raise QueueFullError
        job = Job(submission, fingerprint, key)
        self._journal.note(Taken(job.id, key, fingerprint, submission))
        self._queue(job)
        return job, True

    def _of_key(self, key: str) -> Job | None:
        if key not in self._by_key and (taken := self._journal.of_key(key)):
            return self.get(taken.id)
        return self._by_key.get(key)

    def _take_up(self, taken: Taken) -> Job:
        job = Job(taken.submission, taken.fingerprint, taken.key, id=taken.id)
        self._queue(job)
        return job

    def _queue(self, job: Job) -> None:
        self._by_id[job.id] = job
        if job.key is not None:
            self._by_key[job.key] = job
        self._waiting.append(job)
        self._start_next()

    def _must_wait(self, submission: Submission) -> bool:
        return bool(self._waiting) or self._places(submission) > self._free

    def _places(self, submission: Submission) -> int:
        return min(submission.places, self._capacity)  # else four samples could never start in two places

    def _start_next(self) -> None:
        while self._waiting and (places := self._places(self._waiting[0].submission)) <= self._free:
            self._free -= places
            task = asyncio.create_task(self._run(self._waiting.popleft(), places))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, job: Job, places: int) -> None:
        try:
            images = await self._work(job.submission)
        except FailedError as error:
            job.problem = {"error": str(error)}
        except Exception:
            logger.exception("the edit %s broke the engine", job.id)
            job.problem = {"error": "internal error"}
        else:
            job.problem = job.doomed
            if job.problem is None:
                self._results.put(job.id, images)
        finally:
            self._free += places
        job.state = State.SUCCESS if job.problem is None else State.FAILURE
        job.ended.set()
        self._remember(job)
        self._start_next()

    def _remember(self, job: Job) -> None:
        self._finished.append(job)
        if len(self._finished) > KEPT:
            oldest = self._finished.popleft()
            self._by_id.pop(oldest.id, None)
            if oldest.key is not None:
                self._by_key.pop(oldest.key, None)
