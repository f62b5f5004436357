"""An edit that the API has, and what its polls come to."""

from __future__ import annotations

from retouch.errors import RefusedError
from retouch.provider.answers import Answer, Status
from tests.unit.worker_stage import Worker

URL = "https://results.test/a.png"
RUNNING = Answer(Status.RUNNING, "p1", (), None)
SUCCESS = Answer(Status.SUCCESS, "p1", (URL,), None)
REFUSED = RefusedError("why")
# With every random number in the middle: the polls after the submit come 1, 1.5, 2.25 … s apart, the first
# retry after 375 ms, and the first after a refusal after seven eighths of 1 s.
FIRST_MS, SECOND_MS, THIRD_MS, RETRY_MS, REFUSED_MS = 1000, 1500, 2250, 375, 875
WAITING = {"state": "waiting", "submits": 1}
TRIED = WAITING | {"tries": 1, "note": "why", "due": RETRY_MS}
STRUCK = WAITING | {"strikes": 1, "note": "why", "due": REFUSED_MS}


def at_the_api(worker: Worker) -> Worker:
    """An edit that the API has, whose first poll is due."""
    worker.enqueue()
    worker.submit(RUNNING)
    worker.later(FIRST_MS)
    return worker
