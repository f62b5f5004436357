"""An edit's calls with ``requests`` and ``boto3``, for the peers that run in threads or processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import boto3
import requests

TIMEOUT_S = 60


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


def submit(edit: dict[str, Any]) -> str:
    """Send an edit; returns the provider's id."""
    response = connections.http.post(os.environ["RETOUCH_API_URL"], json=edit, timeout=TIMEOUT_S)
    response.raise_for_status()
    provider_id: str = response.json()["id"]
    return provider_id


def links(provider_id: str) -> list[str] | None:
    """Where the results are; None while the edit runs. Raises RuntimeError if it failed."""
    url = f"{os.environ['RETOUCH_API_URL']}/status/{provider_id}"
    response = connections.http.get(url, timeout=TIMEOUT_S)
    response.raise_for_status()
    answer = response.json()
    if answer["status"] == "PENDING":
        return None
    if answer["status"] != "SUCCESS":
        raise RuntimeError(f"the API failed: {answer}")
    return list(answer["download_urls"])


def keep(found: Sequence[str], key: str) -> None:
    """Put the results into S3."""
    for number, link in enumerate(found):
        image = connections.downloads.get(link, timeout=TIMEOUT_S)
        image.raise_for_status()
        connections.s3.put_object(
            Bucket=os.environ["RETOUCH_BUCKET"], Key=f"{key}/{number}.png", Body=image.content, ContentType="image/png"
        )
