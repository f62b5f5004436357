"""Requests to the API, and how they are counted: with the settlement of their edit, in the same move."""

from __future__ import annotations

import time
from collections.abc import Awaitable

from retouch.errors import ApiError, HeldBackError, NotSentError, RefusedError
from retouch.provider.answers import Answer
from workers.context import Context

SUBMIT, STATUS = "submit", "status"
TAKEN = "taken"  # a submit that the API took
UNANSWERED, UNREACHED = "none", "unreached"  # in place of the HTTP status of an answer


async def ask(context: Context, kind: str, request: Awaitable[Answer]) -> Answer:
    """Await a request of this kind; the edit's next settlement says how it was answered. Raises as the request does."""
    began = time.monotonic()
    try:
        answer = await request
    except ApiError as error:
        if error.code:
            context.stopwatch.note(kind, time.monotonic() - began)
        if code := _code(error):
            context.settle.count(f"{kind}:{code}")
        raise
    context.stopwatch.note(kind, time.monotonic() - began)
    context.settle.count(f"{kind}:{answer.code}", *((TAKEN,) if kind == SUBMIT else ()))
    return answer


def _code(error: ApiError) -> str:
    """What a request is counted as; empty: it was not made."""
    if isinstance(error, NotSentError):
        return UNREACHED
    if isinstance(error, HeldBackError) or (isinstance(error, RefusedError) and error.code is None):
        return ""
    return str(error.code or UNANSWERED)
