"""Doing what people have decided about many edits, page by page, beside the other work of a gateway or a worker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

import structlog

from retouch.errors import LedgerAwayError, RetouchError
from retouch.ledger import JobState, Ledger

LOOK_S = 1.0  # between two looks for jobs that nobody does, since whoever did has ended
REST_S = 0.01  # after a page at most; a page takes Redis some ms

log = structlog.get_logger()


class JobRunner:
    """Does the pages of all jobs in turns, on a thread of its own; after each page Redis is left to others for a while.

    Gateways and workers beside it do the same: each page is done once, and the job of one that dies is gone on with.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._jobs = ledger.jobs
        self._thread: Thread | None = None
        self._starting = Lock()
        self._woken = Event()
        self._closed = Event()
        self._mine: dict[str, None] = {}
        self._held_up: set[str] = set()

    def wake(self) -> None:
        """Look now; it begins to work with the first call."""
        with self._starting:
            self._woken.set()
            if self._thread is None and not self._closed.is_set():
                self._thread = Thread(target=self._run, name="jobs", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End after the page that is being done; others go on with the rest."""
        self._closed.set()
        self._woken.set()

    def _run(self) -> None:
        looked_at = -LOOK_S
        while not self._closed.is_set():
            with self._noting("all"):
                if self._woken.is_set() or time.monotonic() - looked_at >= LOOK_S:
                    self._woken.clear()
                    looked_at = time.monotonic()
                    self._mine |= dict.fromkeys(self._jobs.due())
            for job in list(self._mine):
                with self._noting(job):
                    if job in self._mine:
                        self._page(job)
            if not self._mine:
                self._woken.wait(LOOK_S)

    @contextmanager
    def _noting(self, job: str) -> Iterator[None]:
        """What goes wrong is logged once, and holds up this job alone; whoever is first goes on with it."""
        try:
            yield
        except Exception as error:  # this thread does the jobs of all
            if isinstance(error, LedgerAwayError):
                self._mine.clear()
                job = "all"
            self._mine.pop(job, None)
            if job not in self._held_up:
                self._held_up.add(job)
                log.warning("jobs.held_up", job=job, reason=str(error), exc_info=not isinstance(error, RetouchError))
        else:
            self._held_up.discard(job)

    def _page(self, job: str) -> None:
        began = time.monotonic()
        if self._jobs.advance(job).state is not JobState.RUNNING:
            del self._mine[job]
        self._closed.wait(min(REST_S, time.monotonic() - began))
