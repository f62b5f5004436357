"""The ordinary version: two Celery tasks, the second of which comes again by ``countdown`` until the edit is done.

No result backend, a session and a client per thread, late acknowledgement: written as well as this form allows.
``celery -A scripts.benchmark.peers.celery worker --pool threads`` (or ``prefork``) runs it.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

from scripts.benchmark.peers import blocking, produce
from scripts.benchmark.work import Work

POLL_AFTER_S = 1

app = Celery("ordinary", broker=os.environ.get("RETOUCH_REDIS_URL", "redis://"))
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)


@app.task(name="ordinary.submit", acks_late=True)
def submit(edit: dict[str, Any], key: str) -> None:
    """Send an edit and have it polled after a while."""
    poll.apply_async((blocking.submit(edit), key), countdown=POLL_AFTER_S)


@app.task(name="ordinary.poll", acks_late=True)
def poll(provider_id: str, key: str) -> None:
    """Ask where the edit stands: again later while it runs, else keep its images."""
    found = blocking.links(provider_id)
    if found is None:
        poll.apply_async((provider_id, key), countdown=POLL_AFTER_S)
    else:
        blocking.keep(found, key)


def enqueue(work: Work) -> None:
    """Send one message an edit."""
    for key, edit in work.keyed():
        submit.apply_async((edit, key))


if __name__ == "__main__":
    produce.timed(enqueue)
