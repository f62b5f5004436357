"""The same edits as one would usually write them with Celery: submit, poll until it is done, put the image into S3.

Two tasks, ``requests``, ``boto3``, a session and a client per thread, no result backend: written as well as this
form allows, for comparison. ``celery -A scripts.benchmark.ordinary worker --pool threads`` runs it.
"""

from __future__ import annotations

import os
import threading
from functools import cached_property
from typing import Any

import boto3
import requests
from celery import Celery

POLL_AFTER_S = 1
API_TIMEOUT_S = 60

app = Celery("ordinary", broker=os.environ.get("RETOUCH_REDIS_URL", "redis://"))
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)


class Connections(threading.local):
    """A thread's own connections: neither library promises that they may be shared."""

    @cached_property
    def http(self) -> requests.Session:
        """Keeps its connections to the API."""
        session = requests.Session()
        session.headers["API-Key"] = os.environ["RETOUCH_API_KEY"]
        return session

    @cached_property
    def downloads(self) -> requests.Session:
        """Keeps its connections to the results, and has no key."""
        return requests.Session()

    @cached_property
    def s3(self) -> Any:
        """A client of the thread's own session."""
        return boto3.session.Session().client("s3")


connections = Connections()


@app.task(name="ordinary.submit", acks_late=True)
def submit(edit: dict[str, Any], key: str) -> None:
    """Send an edit and have it polled after a while."""
    response = connections.http.post(os.environ["RETOUCH_API_URL"], json=edit, timeout=API_TIMEOUT_S)
    response.raise_for_status()
    poll.apply_async((response.json()["id"], key), countdown=POLL_AFTER_S)


@app.task(name="ordinary.poll", acks_late=True)
def poll(provider_id: str, key: str) -> None:
    """Ask where the edit stands: again later while it runs, else keep its images."""
    url = f"{os.environ['RETOUCH_API_URL']}/status/{provider_id}"
    response = connections.http.get(url, timeout=API_TIMEOUT_S)
    response.raise_for_status()
    answer = response.json()
    if answer["status"] == "PENDING":
        poll.apply_async((provider_id, key), countdown=POLL_AFTER_S)
    elif answer["status"] == "SUCCESS":
        for number, link in enumerate(answer["download_urls"]):
            _keep(link, f"{key}/{number}.png")
    else:
        raise RuntimeError(f"the API failed: {answer}")


def _keep(link: str, key: str) -> None:
    image = connections.downloads.get(link, timeout=API_TIMEOUT_S)
    image.raise_for_status()
    connections.s3.put_object(Bucket=os.environ["RETOUCH_BUCKET"], Key=key, Body=image.content, ContentType="image/png")
