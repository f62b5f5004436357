"""ImagePipeline's contract: its URLs, and how its replies are read. The local endpoint has the same contract.

``POST {url}`` submits an edit, ``GET {url}/status/{id}`` asks about it. Each reply names a ``status``; the words of
other systems are understood too, and an unknown word means that the edit is still running.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from retouch.provider.answers import Status

DEFAULT_URL = "https://api.imagepipeline.io/sd/image2image/v1"

MAX_URLS = 4  # one per sample
MAX_STEPS = 100_000  # of a progress that is told; more is none

_ID = re.compile(r"(?!\.{1,2}$)[\x21-\x7e]{1,200}")  # dots would go up in a path

_SEED = re.compile(r"[0-9]{1,19}")

# Words for an end, here and in other systems; any other word means RUNNING.
_ENDED = dict.fromkeys(("SUCCESS", "COMPLETED", "SUCCEEDED"), Status.SUCCESS) | dict.fromkeys(
    (
        *("FAILURE", "FAILED", "ERROR", "CANCELLED", "CANCELED", "REVOKED", "EXPIRED"),
        *("TIMED_OUT", "TIMEOUT", "MODERATED", "REJECTED", "ABORTED", "BLOCKED"),
    ),
    Status.FAILURE,
)
_ENDED_WITH_LINKS = frozenset({"COMPLETE", "DONE", "READY", "FINISHED", "OK"})  # "ok" may also mean "understood"
_RUNNING = frozenset({"PENDING", "QUEUED", "STARTED", "RUNNING", "PROCESSING", "IN_PROGRESS"})


def status_url(base: str, edit_id: str) -> str:
    """The status URL of the edit that the API calls ``edit_id``."""
    return f"{base}/status/{quote(edit_id, safe='')}"


def is_id(text: str) -> bool:
    """Whether the API can have assigned this id."""
    return _ID.fullmatch(text) is not None


def status(reply: dict[str, Any]) -> Status:
    """The status in the reply; RUNNING if there is none, or an unknown word."""
    word = _word(reply)
    if word in _ENDED_WITH_LINKS and urls(reply):
        return Status.SUCCESS
    return _ENDED.get(word, Status.RUNNING)


def unknown_word(reply: dict[str, Any]) -> str | None:
    """The reply's word for its status, where it is none that is known."""
    word = _word(reply)
    return None if not word or word in _ENDED or word in _ENDED_WITH_LINKS or word in _RUNNING else str(reply["status"])


def _word(reply: dict[str, Any]) -> str:
    word = reply.get("status")
    return word.strip().upper().replace(" ", "_").replace("-", "_") if isinstance(word, str) else ""


def provider_id(reply: dict[str, Any]) -> str | None:
    """The edit's id in the reply, under any of its usual names; None if there is none that can be used."""
    for name in ("id", "job_id", "task_id"):
        value = reply.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and _ID.fullmatch(value):
            return value
    return None


def seed(reply: dict[str, Any]) -> int | None:
    """The seed of the first image in the reply, beside the status or among the parameters that it repeats."""
    places = [reply, *(reply.get(name) for name in ("meta", "parameters"))]
    for value in (place.get(name) for place in places if isinstance(place, dict) for name in ("seed", "seeds")):
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, str) and _SEED.fullmatch(value):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
            return value
    return None


def progress(reply: dict[str, Any]) -> tuple[int, int] | None:
    """The step that the API has done of this edit, and of how many."""
    value = reply.get("progress")
    step, steps = (value.get("step"), value.get("steps")) if isinstance(value, dict) else (None, None)
    if not (type(step) is int and type(steps) is int):  # a bool is an int, else
        return None
    return (step, steps) if 0 <= step <= steps and 0 < steps <= MAX_STEPS else None


def filtered(reply: dict[str, Any]) -> tuple[bool, ...]:
    """Which of the images the API's safety filter has taken away; empty unless it says so of each link."""
    value = reply.get("filtered")
    told = isinstance(value, list) and len(value) == len(urls(reply)) and all(isinstance(one, bool) for one in value)
    return tuple(value) if told and isinstance(value, list) else ()


def urls(reply: dict[str, Any]) -> tuple[str, ...]:
    """The links to the images, MAX_URLS at most."""
    for name in ("download_urls", "result_url", "image_url", "output_url"):
        value = reply.get(name)
        found = [url for url in (value if isinstance(value, list) else [value]) if isinstance(url, str) and url]
        if found:
            return tuple(found[:MAX_URLS])
    return ()
