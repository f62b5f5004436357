"""A proxy that kills whoever asks through it, before or after the answer is made."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import psutil
import requests

from tests.harness.api import Api
from tests.harness.processes import Process
from tests.harness.web import Request, Web

DAYS = ("2026-01-01", "2026-01-02")
MOMENTS = ("before", "after")  # the target has done its part
WITHIN_S = 120.0
_HOPS = (
    "connection",
    "content-length",
    "host",
    "transfer-encoding",
    "keep-alive",
    "content-encoding",
    "accept-encoding",
)

Kill = Callable[[Request], None]


class Step(NamedTuple):
    """A kind of request."""

    method: str
    path: str  # without what differs from run to run

    @classmethod
    def of(cls, request: Request) -> Step:
        """The kind of a request."""
        path = re.sub(r"/(batches|files)/[^/?]+", r"/\1/*", request.path)
        return cls(request.method, path.partition("?")[0])


class Reaper(Web):
    """Passes requests on to ``target``, a URL, and answers back; ``aim`` makes the next one of a kind fatal."""

    def __init__(self, target: str = "") -> None:
        super().__init__(self._pass_on)
        self.target = target
        self.away = False  # every request is cut
        self.cut = 0  # how many were
        self._aim: tuple[Step, str, Kill] | None = None
        self._told = threading.local()

    def aim(self, step: Step, moment: str, kill: Kill) -> None:
        """Kill the next caller at this step, before it is passed on or after it was answered."""
        self._aim = step, moment, kill

    @property
    def struck(self) -> bool:
        """Whether that has happened."""
        return self._aim is None

    def steps(self) -> list[Step]:
        """The kinds of all requests so far, each once."""
        return list(dict.fromkeys(map(Step.of, self.requests)))

    def headers(self, request: Request) -> dict[str, str]:
        """Those of the target's answer."""
        return dict(self._told.headers)

    def _pass_on(self, request: Request) -> tuple[int, bytes]:
        if self.away:
            self.cut += 1
            raise ConnectionAbortedError("there is nobody")
        self._strike(request, "before")
        sent = {name: value for name, value in request.headers.items() if name not in _HOPS}
        answer = requests.request(
            request.method,
            f"{self.target}{request.path}",
            headers=sent | {"Accept-Encoding": "identity"},
            data=request.body,
            timeout=WITHIN_S,
            allow_redirects=False,
        )
        self._strike(request, "after")
        self._told.headers = {name: value for name, value in answer.headers.items() if name.lower() not in _HOPS}
        return answer.status_code, answer.content

    def _strike(self, request: Request, moment: str) -> None:
        if self._aim and self._aim[:2] == (Step.of(request), moment):
            kill = self._aim[2]
            self._aim = None
            kill(request)
            raise ConnectionAbortedError(f"its caller was killed {moment} it")


def kill_at_every_step(
    reaper: Reaper, api: Api, start: Callable[[str], Process], waits_by: Step, within_s: float = WITHIN_S
) -> list[Step]:
    """Do a day's work undisturbed; then another's, killed at each of its steps and begun again; returns the steps.

    ``start`` starts the work of a day, which has to end with 0; the prompts of its edits name the day.
    """
    first, second = DAYS
    _to_its_end(start(first), within_s)
    steps = reaper.steps()
    for step, moment in every_step(steps, api, waits_by):
        with start(second) as process:
            reaper.aim(step, moment, lambda _: process.signal(signal.SIGKILL, group=True))
            ended = process.end(within_s)
        assert reaper.struck, f"it did not come to {step}: {ended}"
        assert ended.code != 0, ended
    _to_its_end(start(second), within_s)
    return steps


def every_step(steps: list[Step], api: Api, waits_by: Step) -> Iterator[tuple[Step, str]]:
    """Each step with each of its moments.

    No edit of the second day ends before the step by which the work waits (``waits_by``) is over: so each is met.
    """
    assert waits_by in steps
    api.trouble("odd_status", word="PROCESSING", match=DAYS[1])
    for step in steps:
        yield from ((step, moment) for moment in MOMENTS)
        if step == waits_by:
            api.clear()


def process_at(port: int) -> int:
    """The process that holds this end of a connection on this machine."""
    [pid] = {
        found.pid
        for found in psutil.net_connections("tcp4")
        if found.laddr and found.laddr.port == port and found.raddr and found.pid
    }
    return int(pid)


def _to_its_end(started: Process, within_s: float) -> None:
    with started as process:
        ended = process.end(within_s)
    assert ended.code == 0, ended
