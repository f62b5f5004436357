"""Jobs of persons over hundreds of edits, while those who do their pages die, one after the other."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from retouch.ledger import JobState
from retouch.ledger.jobs import Action, Job, Which
from retouch.states import EditState
from tests.chaos.stage import Run

EDITS = 260  # of each batch: eleven pages
POINTS = ("advance_job.after", "advance_job.before")
LIES = 0.1  # how often a page is done, and those who outlive the others do not hear of it


@dataclass
class Outcome:
    """Who died where, and what is wrong with the jobs."""

    kills: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def decided(run: Run, deaths: int, bug: str = "") -> Outcome:
    """All edits of one batch are tried again and all of another cancelled; so many workers die at a page of it."""
    outcome = Outcome()
    retried, cancelled = _cancelled_before(run), _not_sent_yet(run)
    started = [_started(run, retried, "retry"), _started(run, cancelled, "cancel")]
    try:
        _die(run, started, deaths, bug, outcome.kills)
        rest = [run.worker(bug=bug, lease=1, lies=LIES) for _ in range(2)]
        run.until(lambda: _are_over(run, started), "both jobs are done")
    except TimeoutError:
        outcome.wrong.append("nobody goes on with a job whose worker has died")
        return outcome
    run.cancelled[cancelled] = time.time()
    run.finish()
    for hand in rest:
        hand.kill()
    outcome.wrong += [wrong for id in started for wrong in _miscounted(run.ledger.jobs.job(id))]
    return outcome


def _die(run: Run, started: Sequence[str], deaths: int, bug: str, kills: Counter[str]) -> None:
    """Workers that are killed with their second page, one after the other."""
    for point in itertools.islice(itertools.cycle(POINTS), deaths):
        doomed = run.worker(crash=f"{point}=2", bug=bug, lease=1)
        run.dies(doomed, point, lambda: _are_over(run, started))
        kills.update([point] if doomed.ended.is_set() else [])
        doomed.kill()


def _cancelled_before(run: Run) -> str:
    """A batch of which every edit was cancelled, and has ended."""
    run.queue.pause()
    clerk = run.worker()
    run.ready(clerk)  # else nobody is told of what is cancelled
    batch = run.enqueue(EDITS)
    run.queue.cancel(batch)
    run.finish()
    clerk.kill()
    run.queue.resume()
    run.undo_ends()
    return batch


def _not_sent_yet(run: Run) -> str:
    """A batch of which no edit is sent, since it is paused."""
    batch = run.enqueue(EDITS)
    run.queue.pause(batch)
    return batch


def _started(run: Run, batch: str, action: Action) -> str:
    """The id of a job over the whole batch, which nobody does yet."""
    states = [EditState.CANCELLED] if action == "retry" else None
    job = run.ledger.jobs.count(batch, action, Which.of(action, states))
    assert job is not None
    assert job.counted == EDITS, job
    run.ledger.jobs.start(job.id)
    return job.id


def _are_over(run: Run, started: Sequence[str]) -> bool:
    jobs = [run.ledger.jobs.job(id) for id in started]
    return all(job is not None and job.state is not JobState.RUNNING for job in jobs)


def _miscounted(job: Job | None) -> list[str]:
    assert job is not None
    if (job.state, job.counted, job.changed, job.skipped) == (JobState.DONE, EDITS, EDITS, 0):
        return []
    return [f"the job to {job.action} is {job.state}: {job.changed} changed and {job.skipped} skipped of {job.counted}"]
