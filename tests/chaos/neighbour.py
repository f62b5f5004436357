"""Another Celery application on Retouch's database, as anyone would write it: one task, acknowledged when it is done.

``celery -A tests.chaos.neighbour worker``, with the broker in NEIGHBOUR_BROKER; the task writes a line to the file in
NEIGHBOUR_DIARY when it begins, and ends when ``FILE.enough`` is there.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from celery import Celery

from tests.harness.processes import Process
from tests.harness.waiting import until
from workers.stack.child import clean_environment

LOOK_S = 0.1
LONG_AGO = 1_000_000_000.0  # seconds since 1970

app = Celery("neighbour", broker=os.environ.get("NEIGHBOUR_BROKER", "memory://"))
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1, broker_connection_retry_on_startup=True)


@app.task(name="neighbour.long")
def long() -> None:
    """Work for long."""
    diary = Path(os.environ["NEIGHBOUR_DIARY"])
    with diary.open("a") as lines:
        lines.write("began\n")
    while not diary.with_suffix(".enough").exists():
        time.sleep(LOOK_S)


class Neighbour:
    """A running task of the other application, which began so long ago that it could be taken for lost."""

    def __init__(self, url: str, diary: Path) -> None:
        self._url, self._diary = url, diary
        self._client: Any = redis.Redis.from_url(url, decode_responses=True)

    def begins(self) -> None:
        """Send the task, and wait until it is at work."""
        with Celery("sender", broker=self._url) as sender:
            sender.send_task("neighbour.long")
        until(lambda: self.begun == 1, "the neighbour is at work")
        tags = until(lambda: self._client.zrange("unacked_index", 0, -1), "its message is unacknowledged")
        self._client.zadd("unacked_index", dict.fromkeys(tags, LONG_AGO))

    def ends(self) -> None:
        """Let the task end, and wait until its message is acknowledged."""
        self._diary.with_suffix(".enough").touch()
        until(lambda: not self._client.exists("unacked"), "the neighbour's message is acknowledged")

    @property
    def begun(self) -> int:
        """How often the task was started."""
        return len(self._diary.read_text().splitlines()) if self._diary.exists() else 0

    @property
    def waiting(self) -> int:
        """How many messages of it wait to be started."""
        return int(self._client.llen("celery"))


@contextmanager
def neighbour(url: str, folder: Path) -> Iterator[Neighbour]:
    """Its worker, while it runs; it looks for lost messages of its own only after an hour."""
    diary = folder / "neighbour"
    environment = clean_environment(NEIGHBOUR_BROKER=url, NEIGHBOUR_DIARY=str(diary))
    command = [sys.executable, "-m", "celery", "-A", "tests.chaos.neighbour", "worker", "-P", "threads", "-l", "INFO"]
    with Process(command, env=environment, merged=True) as process:
        process.out.line("ready.")
        yield Neighbour(url, diary)
