"""The same with dramatiq: two actors, the second of which sends itself again with a ``delay``.

``dramatiq scripts.benchmark.peers.dramatiq --processes 1 --threads 64`` runs it.
"""

from __future__ import annotations

import os
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from scripts.benchmark.peers import blocking, produce
from scripts.benchmark.work import Work

POLL_AFTER_MS = 1000

dramatiq.set_broker(RedisBroker(url=os.environ.get("RETOUCH_REDIS_URL", "redis://")))


@dramatiq.actor
def submit(edit: dict[str, Any], key: str) -> None:
    """Send an edit and have it polled after a while."""
    poll.send_with_options(args=(blocking.submit(edit), key), delay=POLL_AFTER_MS)


@dramatiq.actor
def poll(provider_id: str, key: str) -> None:
    """Ask where the edit stands: again later while it runs, else keep its images."""
    found = blocking.links(provider_id)
    if found is None:
        poll.send_with_options(args=(provider_id, key), delay=POLL_AFTER_MS)
    else:
        blocking.keep(found, key)


def enqueue(work: Work) -> None:
    """Send one message an edit."""
    for key, edit in work.keyed():
        submit.send(edit, key)


if __name__ == "__main__":
    produce.timed(enqueue)
