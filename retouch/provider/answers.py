"""The API's answers, independent of a provider's words."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """Where the API says an edit stands."""

    SUCCESS = "SUCCESS"
    RUNNING = "RUNNING"
    FAILURE = "FAILURE"


class Answer(NamedTuple):
    """A reply of the API. ``urls`` may be fewer than the samples; ``error`` is set only with FAILURE.

    ``word``: the API's own word for the status, where it is none that is known. ``seed``: the one that it used (of the
    first image), where it says so. ``filtered``: which of the images its safety filter took away; empty if it does not
    say. ``progress``: the step that it has done, and of how many, where it says so while it runs. ``code``: the reply's
    HTTP status.
    """

    status: Status
    provider_id: str | None
    urls: tuple[str, ...]
    error: str | None
    word: str | None = None
    seed: int | None = None
    filtered: tuple[bool, ...] = ()
    progress: tuple[int, int] | None = None
    code: int = 200
