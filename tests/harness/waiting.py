"""Waiting for what has no signal of its own. A limit ends a hang and is never a measure of speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

LOOK_S = 0.02  # how often a condition is looked at
LIMIT_S = 60.0  # generous: a machine under load; a test that passes never takes it

T = TypeVar("T")


def until(
    condition: Callable[[], T], what: str, within_s: float = LIMIT_S, *, saw: Callable[[], object] | None = None
) -> T:
    """Return ``condition()`` as soon as it is true.

    Raises TimeoutError after ``within_s`` seconds; it names ``what`` was waited for and what ``saw`` (else the
    condition) gave last.
    """
    end = time.monotonic() + within_s
    while not (answer := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within_s:g} s: {what}; seen last: {saw() if saw else repr(answer)}")
        time.sleep(LOOK_S)
    return answer
