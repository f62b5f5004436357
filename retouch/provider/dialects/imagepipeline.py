"""ImagePipeline's contract: where it is asked, and how its replies are read. Our local endpoint speaks it as well.

``POST {url}`` submits an edit, ``GET {url}/status/{id}`` asks about it. Each reply names a ``status``; the words of
other systems are understood too, and a word that is not known means that the edit is still at work.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from retouch.provider.answers import Status

DEFAULT_URL = "https://api.imagepipeline.io/sd/image2image/v1"

MAX_URLS = 4  # one per sample

_ID = re.compile(r"(?!\.{1,2}$)[\x21-\x7e]{1,200}")  # the dots would climb in a path

# Words for an end, ours and other systems'; all others run on.
_FINISHED = dict.fromkeys(("SUCCESS", "COMPLETED", "SUCCEEDED"), Status.SUCCESS) | dict.fromkeys(
    ("FAILURE", "FAILED", "ERROR", "CANCELLED", "CANCELED", "REVOKED", "EXPIRED"), Status.FAILURE
)


def status_url(base: str, edit_id: str) -> str:
    """Where the edit is asked about that the API calls ``edit_id``."""
    return f"{base}/status/{quote(edit_id, safe='')}"


def is_id(text: str) -> bool:
    """Whether the API can have given this id."""
    return _ID.fullmatch(text) is not None


def status(reply: dict[str, Any]) -> Status:
    """Where the reply says that the edit stands; RUNNING where it says nothing that is known."""
    word = reply.get("status")
    return _FINISHED.get(word.strip().upper(), Status.RUNNING) if isinstance(word, str) else Status.RUNNING


def provider_id(reply: dict[str, Any]) -> str | None:
    """The id that the reply gives the edit, under any of its usual names; None if it gives none that can be used."""
    for name in ("id", "job_id", "task_id"):
        value = reply.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and _ID.fullmatch(value):
            return value
    return None


def urls(reply: dict[str, Any]) -> tuple[str, ...]:
    """The links to the images, MAX_URLS at most."""
    for name in ("download_urls", "result_url", "image_url", "output_url"):
        value = reply.get(name)
        found = [url for url in (value if isinstance(value, list) else [value]) if isinstance(url, str) and url]
        if found:
            return tuple(found[:MAX_URLS])
    return ()
