"""What the API answers, whatever words it uses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Where the API says an edit stands."""

    SUCCESS = "SUCCESS"
    RUNNING = "RUNNING"
    FAILURE = "FAILURE"


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply of the API. ``urls`` may come short of the samples; ``error`` is set with FAILURE alone."""

    status: Status
    provider_id: str | None
    urls: tuple[str, ...]
    error: str | None
