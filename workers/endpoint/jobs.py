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

from retouch.edit import Parameters
from workers.endpoint.engine import SEEDS, EngineStoppedError, Rendered
from workers.endpoint.fair_queue import FairQueue
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


class NotTakenError(Exception):
    """No edit is taken now: too many wait (``code`` 429), or the engine is not ready (503)."""

    def __init__(self, code: int, sentence: str, retry_after_s: float) -> None:
        super().__init__(sentence)
        self.code = code
        self.retry_after_s = retry_after_s


class KeyReusedError(Exception):
    """The Idempotency-Key came before with another body."""


class FailedError(Exception):
    """An edit's work ended as a failure; the message is shown to the caller."""


class BrokenError(FailedError):
    """The engine broke under the edit, which is not tried again: it may be what has broken it."""


@dataclass(slots=True, eq=False)
class Job:
    """One edit that was taken."""

    submission: Submission
    fingerprint: str
    key: str | None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: State = State.PENDING
    problem: dict[str, Any] | None = None  # what a FAILURE says
    progress: tuple[int, int] | None = None  # the step that is done, of how many
    told: dict[str, Any] = field(default_factory=dict)  # what a SUCCESS says of its pictures
    taken_at: float = field(default_factory=time.monotonic)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    token: str | None = None  # what the present result links carry; None: make a new one
    lost: bool = False  # a fault: the id was given out and is not known any more
    doomed: dict[str, Any] | None = None  # a fault: ends as FAILURE saying this
    instant: bool = False  # a fault: the submit itself is answered with the outcome
    links: int | None = None  # a fault: how many links are shown at most

    @property
    def parameters(self) -> Parameters:
        """What was asked for, with a seed of 0..2^32-1; one that the caller leaves open is the same after a restart."""
        asked = self.submission.seed
        seed = int(self.id[:8], 16) if asked is None or asked < 0 else asked % SEEDS
        return self.submission.model_copy(update={"seed": seed})

    def tell_progress(self, step: int, steps: int) -> None:
        """Keep how far the engine is."""
        self.progress = (step, steps)


Work = Callable[[Job], Awaitable[Rendered]]


class Jobs:
    """A queue in front of a number of places, one place an image; sizes take turns.

    All moves happen on the event loop, so none needs a lock.
    """

    def __init__(
        self,
        work: Work,
        refusal: Callable[[], NotTakenError | None],
        results: Results,
        journal: Journal,
        *,
        capacity: int,
        max_queue: int | None,
    ) -> None:
        self._work = work
        self._refusal = refusal
        self._journal = journal
        self._results = results
        self._capacity = capacity
        self._free = capacity
        self._max_queue = max_queue
        self._waiting: FairQueue[Job] = FairQueue(lambda job: (job.submission.width, job.submission.height))
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

        Raises KeyReusedError, NotTakenError.
        """
        if key is not None and (known := self._of_key(key)) is not None:
            if known.fingerprint != fingerprint:
                raise KeyReusedError
            return known, False
        if refusal := self._refusal():
            raise refusal
        if self._max_queue is not None and self._must_wait(submission) and len(self._waiting) >= self._max_queue:
            raise NotTakenError(429, "too many edits are waiting", 1)
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
        if problem := self._journal.problem_of(job.id):
            self._know(job)
            self._end(job, {"error": problem})
        else:
            self._queue(job)
        return job

    def _know(self, job: Job) -> None:
        self._by_id[job.id] = job
        if job.key is not None:
            self._by_key[job.key] = job

    def _queue(self, job: Job) -> None:
        self._know(job)
        self._waiting.append(job)
        self._start_next()

    def _must_wait(self, submission: Submission) -> bool:
        return bool(self._waiting) or self._places(submission) > self._free

    def _places(self, submission: Submission) -> int:
        return min(submission.places, self._capacity)  # else four samples could never start in two places

    def _start_next(self) -> None:
        while self._waiting and (places := self._places(self._waiting.next.submission)) <= self._free:
            self._free -= places
            task = asyncio.create_task(self._run(self._waiting.pop(), places))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, job: Job, places: int) -> None:
        try:
            rendered = await self._work(job)
        except FailedError as error:
            problem: dict[str, Any] | None = {"error": str(error)}
            if isinstance(error, BrokenError):
                self._journal.note_problem(job.id, str(error))
        except EngineStoppedError:
            return  # it stays in the journal, for whoever takes this process's place
        except Exception:
            logger.exception("the edit %s met a fault of the engine", job.id)
            problem = {"error": "internal error"}
        else:
            problem = job.doomed
            if problem is None:
                self._results.put(job.id, rendered.images)
                job.told = _told(rendered)
        finally:
            self._free += places
        self._end(job, problem)
        self._start_next()

    def _end(self, job: Job, problem: dict[str, Any] | None) -> None:
        job.problem = problem
        job.state = State.SUCCESS if problem is None else State.FAILURE
        job.ended.set()
        self._remember(job)

    def _remember(self, job: Job) -> None:
        self._finished.append(job)
        if len(self._finished) > KEPT:
            oldest = self._finished.popleft()
            self._by_id.pop(oldest.id, None)
            if oldest.key is not None:
                self._by_key.pop(oldest.key, None)


def _told(rendered: Rendered) -> dict[str, Any]:
    """What an answer says of these pictures, beside their links."""
    told: dict[str, Any] = {"seeds": rendered.seeds, "safety": "unchecked"}
    if rendered.filtered is not None:
        told |= {"safety": "checked", "filtered": rendered.filtered}
    if rendered.timings:
        told["timings"] = {phase: round(seconds, 4) for phase, seconds in rendered.timings.items()}
    return told
